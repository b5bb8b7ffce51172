// Decodes a ThumbHash (about 25 bytes) into the small blurred picture that stands in while the photo loads.
//
// Written from the published description of the format (https://evanw.github.io/thumbhash/). All numbers are little-endian
// bit fields: 3 bytes of L/P/Q averages, luminance scale and an alpha flag; 2 bytes of the luminance grid's short side, the
// P/Q scales and a landscape flag; with alpha one byte of its average and scale; then 4 bits for each DCT coefficient, in the
// order L, P, Q, A. L is luminance, P is yellow against blue, Q is red against green.

const LONG_SIDE = 32;
const SATURATION = 1.25; // makes up for what quantising takes out of the colours

/** Bytes of a ThumbHash from its base64 text. Throws on text that is not base64 or too short to be one. */
export function thumbHashBytes(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  if (bytes.length < 5 || (bytes[2] & 0x80 && bytes.length < 6)) throw new RangeError('a ThumbHash has at least 5 bytes');
  return bytes;
}

/** Decodes the bytes to {width, height, rgba}: straight (not premultiplied) 8-bit RGBA, at most 32 pixels a side. */
export function decodeThumbHash(bytes) {
  const header = readHeader(bytes);
  const { columns, rows, hasAlpha } = header;
  const nibble = nibbleReader(bytes, hasAlpha ? 6 : 5);
  const channels = [
    readChannel(nibble, columns, rows, header.lAverage, header.lScale),
    readChannel(nibble, 3, 3, header.pAverage, header.pScale * SATURATION),
    readChannel(nibble, 3, 3, header.qAverage, header.qScale * SATURATION),
  ];
  if (hasAlpha) channels.push(readChannel(nibble, 5, 5, header.aAverage, header.aScale));

  const { ratio } = header;
  const width = Math.round(ratio > 1 ? LONG_SIDE : LONG_SIDE * ratio);
  const height = Math.round(ratio > 1 ? LONG_SIDE / ratio : LONG_SIDE);
  const across = cosines(width, Math.max(columns, hasAlpha ? 5 : 3));
  const down = cosines(height, Math.max(rows, hasAlpha ? 5 : 3));

  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [l, p, q, a = 1] = channels.map((channel) => valueAt(channel, across[x], down[y]));
      const blue = l - (2 / 3) * p;
      const red = (3 * l - blue + q) / 2;
      rgba.set([red, red - q, blue, a].map((part) => 255 * part), (y * width + x) * 4);
    }
  }
  return { width, height, rgba };
}

function readHeader(bytes) {
  const first = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
  const second = bytes[3] | (bytes[4] << 8);
  const hasAlpha = first >> 23 === 1;
  const longSide = hasAlpha ? 5 : 7;
  const shortSide = Math.max(1, second & 7);
  const landscape = second >> 15 === 1;
  return {
    hasAlpha,
    lAverage: (first & 63) / 63,
    pAverage: ((first >> 6) & 63) / 31.5 - 1,
    qAverage: ((first >> 12) & 63) / 31.5 - 1,
    aAverage: hasAlpha ? (bytes[5] & 15) / 15 : 1,
    lScale: ((first >> 18) & 31) / 31,
    pScale: ((second >> 3) & 63) / 63,
    qScale: ((second >> 9) & 63) / 63,
    aScale: hasAlpha ? (bytes[5] >> 4) / 15 : 0,
    // The grid never has fewer than 3 terms a side, but the shape of the picture keeps the smaller number.
    ratio: landscape ? longSide / shortSide : shortSide / longSide,
    columns: Math.max(3, landscape ? longSide : shortSide),
    rows: Math.max(3, landscape ? shortSide : longSide),
  };
}

/* Low nibble first. Past the end reads as zero, so a cut-off hash gives a poorer picture and no error. */
function nibbleReader(bytes, start) {
  let index = start * 2;
  return () => {
    const byte = bytes[index >> 1] ?? 0;
    return index++ & 1 ? byte >> 4 : byte & 15;
  };
}

/* A channel is its average and the triangle of low frequencies, as [column, row, strength]. */
function readChannel(nibble, columns, rows, average, scale) {
  const terms = [];
  for (let row = 0; row < rows; row++)
    for (let column = row === 0 ? 1 : 0; column * rows < columns * (rows - row); column++)
      terms.push([column, row, (nibble() / 7.5 - 1) * scale]);
  return { average, terms };
}

/* cosines(size, count)[position][frequency] of the DCT over `size` pixels. */
function cosines(size, count) {
  return Array.from({ length: size }, (_, position) =>
    Array.from({ length: count }, (_, frequency) => Math.cos((Math.PI / size) * (position + 0.5) * frequency)),
  );
}

function valueAt({ average, terms }, across, down) {
  let value = average;
  for (const [column, row, strength] of terms) value += strength * across[column] * down[row] * 2;
  return value;
}
