/** Where the picture lies on the canvas: zoom and pan. All lengths are CSS pixels of the canvas. */

const [SMALLEST, LARGEST] = [0.25, 40];
const MARGIN = 48; // at least so much of the picture stays in sight

/**
 * @typedef {{zoom: number, x: number, y: number}} Look
 * @typedef {{left: number, top: number, scale: number, width: number, height: number}} Place
 * @typedef {{width: number, height: number}} Size
 */

/**
 * Tell where the picture lies.
 * @param {Look} look
 * @param {Size} video
 * @param {Size} canvas
 * @returns {Place} left, top, and CSS pixels for a pixel of the video
 */
export function place(look, video, canvas) {
  const scale = fitting(video, canvas) * look.zoom;
  const [width, height] = [video.width * scale, video.height * scale];
  return {
    left: (canvas.width - width) / 2 + look.x,
    top: (canvas.height - height) / 2 + look.y,
    scale,
    width,
    height,
  };
}

/** CSS pixels for a pixel of the video when the whole of it is seen. */
export const fitting = (/** @type {Size} */ video, /** @type {Size} */ canvas) =>
  Math.max(0.001, Math.min((canvas.width - 16) / video.width, (canvas.height - 16) / video.height));

/** Enlarge around a point of the canvas, which stays where it is. */
export function zoomAt(
  /** @type {Look} */ look,
  /** @type {number} */ factor,
  /** @type {{x: number, y: number}} */ point,
  video,
  canvas,
) {
  const zoom = Math.min(LARGEST, Math.max(SMALLEST, look.zoom * factor));
  const ratio = zoom / look.zoom;
  const [fromX, fromY] = [point.x - canvas.width / 2 - look.x, point.y - canvas.height / 2 - look.y];
  return keep({ zoom, x: look.x + fromX * (1 - ratio), y: look.y + fromY * (1 - ratio) }, video, canvas);
}

/** Move the picture. */
export const pan = (/** @type {Look} */ look, dx, dy, video, canvas) =>
  keep({ ...look, x: look.x + dx, y: look.y + dy }, video, canvas);

function keep(/** @type {Look} */ look, /** @type {Size} */ video, /** @type {Size} */ canvas) {
  const { width, height } = place(look, video, canvas);
  const [farX, farY] = [(canvas.width + width) / 2 - MARGIN, (canvas.height + height) / 2 - MARGIN];
  return { ...look, x: Math.min(farX, Math.max(-farX, look.x)), y: Math.min(farY, Math.max(-farY, look.y)) };
}

/** Turn a point of the canvas into pixels of the video, which may lie outside of it. */
export const toVideo = (
  /** @type {Place} */ { left, top, scale },
  /** @type {number} */ x,
  /** @type {number} */ y,
) => [(x - left) / scale, (y - top) / scale];
