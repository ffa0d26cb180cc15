/** Pictures as tensors: PNG and JPEG files, in the layout that an input's shape shows. */
import { convertIndexedToRgb, decode as decodePng } from 'fast-png';
import jpeg from 'jpeg-js';
import { wrongUse } from './exit-codes.js';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue and alpha of every pixel, 0 to 255, row by row. */
  readonly data: Uint8Array;
}

export interface ImageOptions {
  /** How the picture is brought to the size that the shape wants; left out, it must have that size. */
  readonly resize?: 'NEAREST' | 'BILINEAR';
  /** What every value is divided by; 1 where it is left out. */
  readonly divide?: number;
}

interface Layout {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Colours of one pixel stay together: [height, width, channels]. */
  readonly channelsLast: boolean;
}

const CHANNELS = [1, 3, 4];

/** @throws CommandError for a file that is neither PNG nor JPEG, or is damaged */
export function readPicture(bytes: Uint8Array, path: string): Picture {
  const isPng = Buffer.from(bytes.subarray(0, 4)).equals(Buffer.from('\u0089PNG', 'latin1'));
  if (!isPng && !(bytes[0] === 0xff && bytes[1] === 0xd8)) throw wrongUse(`${path} is neither a PNG nor a JPEG file`);
  try {
    if (!isPng) return jpeg.decode(bytes, { useTArray: true });
    return fromPng(decodePng(bytes));
  } catch (error) {
    throw wrongUse(`${path} cannot be read: ${(error as Error).message}`);
  }
}

function fromPng(png: ReturnType<typeof decodePng>): Picture {
  const { width, height, palette } = png;
  if (!palette && png.depth < 8) throw new Error(`it has ${png.depth} bits a pixel; save it with 8`);
  const data = palette ? convertIndexedToRgb(png) : png.data;
  const channels = data.length / (width * height);
  const shift = png.depth === 16 ? 8 : 0;
  const out = new Uint8Array(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const at = (channel: number): number => data[pixel * channels + channel]! >> shift;
    const colours = channels < 3 ? [at(0), at(0), at(0)] : [at(0), at(1), at(2)];
    out.set([...colours, channels % 2 === 0 ? at(channels - 1) : 255], pixel * 4);
  }
  return { width, height, data: out };
}

/** A tensor of the picture with one more dimension where the shape has one for rows. @throws CommandError */
export function imageTensor(
  picture: Picture,
  input: { readonly name: string; readonly datatype: string; readonly shape: readonly number[] | null },
  { resize, divide = 1 }: ImageOptions,
  path: string,
): { shape: number[]; data: number[] } {
  const layout = layoutOf(input);
  const height = layout.height < 0 ? picture.height : layout.height;
  const width = layout.width < 0 ? picture.width : layout.width;
  const fits = height === picture.height && width === picture.width;
  if (!fits && resize === undefined)
    throw wrongUse(
      `${path} has ${picture.width}x${picture.height} pixels, and the input "${input.name}" takes ${width}x${height}; resize it with --image-resize nearest or bilinear`,
    );
  const sample = fits || resize === 'NEAREST' ? nearest : bilinear;
  const { channels, channelsLast } = layout;
  const data = new Array<number>(height * width * channels);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const pixel = sample(picture, ((x + 0.5) * picture.width) / width - 0.5, ((y + 0.5) * picture.height) / height - 0.5);
      const values = channels === 1 ? [0.299 * pixel[0]! + 0.587 * pixel[1]! + 0.114 * pixel[2]!] : pixel.slice(0, channels);
      values.forEach((value, c) => {
        data[channelsLast ? (y * width + x) * channels + c : (c * height + y) * width + x] = valueFor(input.datatype, value, divide);
      });
    }
  const own = channelsLast ? [height, width, channels] : [channels, height, width];
  return { shape: input.shape!.length === 4 ? [1, ...own] : own, data };
}

/** Colours are whole numbers before they are divided, as in the libraries that models are trained with. */
function valueFor(datatype: string, value: number, divide: number): number {
  return /^(U?INT)/.test(datatype) ? Math.round(value / divide) : Math.round(value) / divide;
}

function layoutOf({ name, shape }: { readonly name: string; readonly shape: readonly number[] | null }): Layout {
  const own = shape?.length === 4 ? shape.slice(1) : shape?.length === 3 ? shape : undefined;
  if (own) {
    const [a, b, c] = own as [number, number, number];
    if (CHANNELS.includes(c)) return { height: a, width: b, channels: c, channelsLast: true };
    if (CHANNELS.includes(a)) return { height: b, width: c, channels: a, channelsLast: false };
  }
  throw wrongUse(
    `the input "${name}" has the shape ${shape ? `[${shape.join(', ')}]` : 'unknown'}, which is not the shape of an image; an image needs [rows, height, width, channels] or [rows, channels, height, width], with 1, 3 or 4 channels`,
  );
}

type Sample = (picture: Picture, x: number, y: number) => number[];

const clamp = (value: number, max: number): number => Math.max(0, Math.min(max, value));

const pixelAt = ({ width, height, data }: Picture, x: number, y: number): Uint8Array => {
  const at = (clamp(y, height - 1) * width + clamp(x, width - 1)) * 4;
  return data.subarray(at, at + 4);
};

const nearest: Sample = (picture, x, y) => [...pixelAt(picture, Math.round(x), Math.round(y))];

const bilinear: Sample = (picture, x, y) => {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [dx, dy] = [x - left, y - top];
  const corners = [
    [pixelAt(picture, left, top), (1 - dx) * (1 - dy)],
    [pixelAt(picture, left + 1, top), dx * (1 - dy)],
    [pixelAt(picture, left, top + 1), (1 - dx) * dy],
    [pixelAt(picture, left + 1, top + 1), dx * dy],
  ] as const;
  return [0, 1, 2, 3].map((channel) => corners.reduce((sum, [pixel, weight]) => sum + pixel[channel]! * weight, 0));
};
