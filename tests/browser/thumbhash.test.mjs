// The gallery's ThumbHash decoder against pictures that the reference decoder (npm thumbhash 0.1.1) makes of the same hashes:
// two of photographs published by others, one with alpha, one very wide. Needs no browser and no stack.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

// A data: URL is always taken for an ES module; a lone .js file is not, in every node version from 18.
const source = await readFile(new URL('../../samples/gallery/thumbhash.js', import.meta.url));
const { decodeThumbHash, thumbHashBytes } = await import(`data:text/javascript;base64,${source.toString('base64')}`);

// grid: RGBA in hex at the corners, the middles of the edges and the centre, row by row. means: of each channel.
const vectors = [
  {
    hash: '1QcSHQRnh493V4dIh4eXh1h4kJUI',
    size: [23, 32],
    grid: '404d71ff 72778bff 546d8bff 533e37ff 8c6d58ff 564841ff 000c2aff 152236ff 000427ff',
    means: [86.3, 81.1, 87.2, 255],
  },
  {
    hash: 'k0oGLQaSVsN0BVhn2oq2Z5SQUQcZ',
    size: [23, 32],
    grid: '1b3534ff 1f313cff 2a3c24ff 99660aff a05e06ff cf8605ff 412b00ff 7e5417ff 9e6700ff',
    means: [123, 86.5, 21.8, 255],
  },
  {
    hash: 'm7iGVRgtCpZ9tWiJiGqQ+MKEMJdUdnd4hw==',
    size: [32, 32],
    grid: 'b11b8e27 ff00b8fb 3f2bc9ff a6314d84 e03c69ff 0a8d6eff b84204ca d26609ff 0efc27ff',
    means: [162, 69.2, 95.3, 213.6],
  },
  {
    hash: 'G9gGaZwJdHZ8lHaGWHD4s3Q=',
    size: [32, 5],
    grid: '6c00baff ec00b8ff 2d2ccbff a10070ff ee2965ff 168185ff c32406ff e17000ff 04fe35ff',
    means: [164.7, 60.1, 106.8, 255],
  },
];

for (const { hash, size, grid, means } of vectors) {
  test(`decodes ${hash} as the reference does`, () => {
    const { width, height, rgba } = decodeThumbHash(thumbHashBytes(hash));
    assert.deepEqual([width, height], size);
    assert.equal(rgba.length, width * height * 4);

    const expected = grid.split(' ').map((pixel) => [...Buffer.from(pixel, 'hex')]);
    expected.forEach((pixel, index) => {
      const x = Math.round(((index % 3) / 2) * (width - 1));
      const y = Math.round((Math.floor(index / 3) / 2) * (height - 1));
      const seen = [...rgba.subarray((y * width + x) * 4, (y * width + x) * 4 + 4)];
      // The reference cuts fractions off where we round.
      seen.forEach((value, channel) => assert.ok(Math.abs(value - pixel[channel]) <= 1, `at ${x},${y}: ${seen}, not ${pixel}`));
    });
    means.forEach((mean, channel) => {
      let sum = 0;
      for (let index = channel; index < rgba.length; index += 4) sum += rgba[index];
      const seen = sum / (width * height);
      assert.ok(Math.abs(seen - mean) <= 1, `mean of channel ${channel}: ${seen}, not ${mean}`);
    });
  });
}

test('a cut-off or foreign hash is an error or a poorer picture, never a crash', () => {
  assert.throws(() => thumbHashBytes('AAAA'), RangeError);
  assert.throws(() => thumbHashBytes('not base64!'));
  for (let length = 6; length <= 25; length++) {
    for (const fill of [0x00, 0xff]) {
      const { width, height, rgba } = decodeThumbHash(new Uint8Array(length).fill(fill));
      assert.ok(width >= 1 && width <= 32 && height >= 1 && height <= 32, `${width} × ${height}`);
      assert.equal(rgba.length, width * height * 4);
    }
  }
});
