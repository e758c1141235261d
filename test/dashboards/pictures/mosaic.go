package main

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
)

// sideBySide returns pictures of one size as one picture, two in a row, as PNG.
func sideBySide(parts [][]byte) ([]byte, error) {
	const columns = 2
	var whole *image.RGBA
	for i, part := range parts {
		picture, err := png.Decode(bytes.NewReader(part))
		if err != nil {
			return nil, fmt.Errorf("decode picture %d: %w", i+1, err)
		}
		size := picture.Bounds().Size()
		if whole == nil {
			rows := (len(parts) + columns - 1) / columns
			whole = image.NewRGBA(image.Rect(0, 0, columns*size.X, rows*size.Y))
			draw.Draw(whole, whole.Bounds(), image.White, image.Point{}, draw.Src)
		}
		at := image.Pt(i%columns*size.X, i/columns*size.Y)
		draw.Draw(whole, image.Rectangle{Min: at, Max: at.Add(size)}, picture, picture.Bounds().Min, draw.Src)
	}
	var b bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&b, whole); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
