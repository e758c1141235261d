package haproxy

var statFields = []Field{}
