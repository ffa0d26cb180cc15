/** Pictures as tensors: the colours, the layout of the input, and the size. */
import { encode } from 'fast-png';
import jpeg from 'jpeg-js';
import { expect, it } from 'vitest';
import { imageTensor, readPicture } from '../../clients/cli/image.js';

/** Red, green, blue, white. */
const COLOURS = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 255],
];
const png = (channels: 1 | 3 | 4, pixels: number[][]): Uint8Array => encode({ width: 2, height: 2, channels, data: Uint8Array.from(pixels.flat()) });
const picture = readPicture(png(3, COLOURS), 'x.png');
const input = (shape: number[] | null, datatype = 'FP32') => ({ name: 'input', datatype, shape });

it('PNG files of any colours, and JPEG files', () => {
  expect([...picture.data]).toEqual(COLOURS.flatMap((colour) => [...colour, 255]));
  expect([
    ...readPicture(
      png(
        4,
        COLOURS.map((colour) => [...colour, 7]),
      ),
      'x.png',
    ).data.subarray(0, 8),
  ]).toEqual([255, 0, 0, 7, 0, 255, 0, 7]);
  expect([...readPicture(png(1, [[1], [2], [3], [4]]), 'x.png').data.subarray(4, 8)]).toEqual([2, 2, 2, 255]);
  const deep = encode({ width: 1, height: 1, channels: 1, depth: 16, data: Uint16Array.from([0x8040]) });
  expect([...readPicture(deep, 'x.png').data]).toEqual([0x80, 0x80, 0x80, 255]);
  const grey = Buffer.alloc(16 * 16 * 4, 100);
  const { width, height, data } = readPicture(jpeg.encode({ width: 16, height: 16, data: grey }, 100).data, 'x.jpg');
  expect([width, height, Math.abs(data[0]! - 100) <= 2]).toEqual([16, 16, true]);
});

it('the layout that the shape shows', () => {
  expect(imageTensor(picture, input([-1, 2, 2, 3], 'UINT8'), {}, 'x.png')).toEqual({ shape: [1, 2, 2, 3], data: COLOURS.flat() });
  expect(imageTensor(picture, input([3, -1, -1]), { divide: 255 }, 'x.png')).toEqual({ shape: [3, 2, 2], data: [1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1] });
  expect(imageTensor(picture, input([1, 2, 2, 1]), {}, 'x.png').data).toEqual([76, 150, 29, 255]);
});

it('another size only where it is said how', () => {
  const tall = input([1, 4, 2, 1]);
  expect(() => imageTensor(picture, tall, {}, 'x.png')).toThrow('x.png has 2x2 pixels, and the input "input" takes 2x4; resize it with --image-resize');
  expect(imageTensor(picture, tall, { resize: 'NEAREST' }, 'x.png').data).toEqual([76, 150, 76, 150, 29, 255, 29, 255]);
  expect(imageTensor(picture, input([1, 1, 1, 1]), { resize: 'BILINEAR' }, 'x.png').data).toEqual([128]);
});

it('what is no picture, and what takes none', () => {
  expect(() => readPicture(Buffer.from('GIF89a'), 'x.gif')).toThrow('x.gif is neither a PNG nor a JPEG file');
  expect(() => readPicture(png(3, COLOURS).subarray(0, 40), 'x.png')).toThrow(/^x.png cannot be read: /);
  expect(() => imageTensor(picture, input([-1, 64]), {}, 'x.png')).toThrow('the input "input" has the shape [-1, 64], which is not the shape of an image');
});
