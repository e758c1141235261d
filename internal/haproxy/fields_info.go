package haproxy

var infoFields = []Field{}
