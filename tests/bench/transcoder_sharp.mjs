// sharp's side of make bench-transcoder: the default preset's nine files of each photo, two photos at a time.
//
// usage: node transcoder_sharp.mjs clone|clone_file|tuned FOLDER FILE...
import { createReadStream } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';

const WIDTHS = [2048, 1280, 640, 320];
const SIDE = 160;
const [mode, folder, ...files] = process.argv.slice(2);

const jpeg = (image, to) => image.jpeg({ quality: 80 }).toFile(`${to}.jpg`);
const webp = (image, to) => image.webp({ quality: 75, effort: 4 }).toFile(`${to}.webp`);

function outputs(input, to) {
	const square = input.clone().resize(SIDE, SIDE, { fit: 'cover', position: 'attention' });
	return [
		jpeg(square, `${to}.square`),
		...WIDTHS.flatMap((width) => [
			jpeg(input.clone().resize({ width, withoutEnlargement: true }), `${to}.w${width}`),
			webp(input.clone().resize({ width, withoutEnlargement: true }), `${to}.w${width}`),
		]),
	];
}

// As sharp's documentation of clone() has it: a stream is piped into one upright input, with a clone for each output, and
// all promises are awaited.
async function clone(file, to) {
	const input = sharp().autoOrient();
	const written = outputs(input, to);
	createReadStream(file).pipe(input);
	await Promise.all(written);
}

// The same from the file's name, which the documentation has no example of.
async function clone_file(file, to) {
	await Promise.all(outputs(sharp(file).autoOrient(), to));
}

// What can be had by hand: pixels decoded once (shrunk on load), each size from the next larger one, heights from the
// original's, profiles ignored.
async function tuned(file, to) {
	const { width: stored, height: high, orientation = 1 } = await sharp(file).metadata();
	const [full, tall] = orientation >= 5 ? [high, stored] : [stored, high];
	let raw = null;
	for (const wanted of WIDTHS) {
		const width = Math.min(wanted, full);
		const height = Math.max(1, Math.round((tall * width) / full));
		const from = raw === null ? sharp(file, { ignoreIcc: true }).autoOrient() : sharp(raw.data, { raw: raw.info });
		raw = await from.resize({ width, height, fit: 'fill' }).raw().toBuffer({ resolveWithObject: true });
		const pixels = () => sharp(raw.data, { raw: raw.info });
		await jpeg(pixels(), `${to}.w${wanted}`);
		await webp(pixels(), `${to}.w${wanted}`);
	}
	await jpeg(
		sharp(raw.data, { raw: raw.info }).resize(SIDE, SIDE, { fit: 'cover', position: 'attention' }),
		`${to}.square`,
	);
}

if (mode === 'tuned') sharp.cache(false);
const work = { clone, clone_file, tuned }[mode];
const queue = files.values();
const worker = async () => {
	for (const file of queue) await work(file, path.join(folder, path.parse(file).name));
};
await Promise.all([worker(), worker()]);
