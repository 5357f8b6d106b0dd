/** Reads masks from PNG files exactly: pixels become the numbers in the file, untouched by palettes and colour management. */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

/**
 * Read an indexed PNG, or a grey one of 16 bits, that is not interlaced.
 * @param {ArrayBuffer} buffer
 * @returns {Promise<{width: number, height: number, ids: Uint8Array|Uint16Array}>}
 */
export async function readIds(buffer) {
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  if (SIGNATURE.some((value, index) => bytes[index] !== value)) throw new Error("not a PNG file");
  const [width, height, depth] = [view.getUint32(16), view.getUint32(20), bytes[24]];
  const isWide = bytes[25] === 0 && depth === 16;
  if ((bytes[25] !== 3 && !isWide) || bytes[28] !== 0) throw new Error("not a mask");
  const parts = [];
  for (let at = 8; at < bytes.length; ) {
    const size = view.getUint32(at);
    if (String.fromCharCode(...bytes.subarray(at + 4, at + 8)) === "IDAT")
      parts.push(bytes.subarray(at + 8, at + 8 + size));
    at += 12 + size;
  }
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const rows = new Uint8Array(await new Response(stream).arrayBuffer());
  const stride = Math.ceil((width * depth) / 8);
  unfilter(rows, stride, height, isWide ? 2 : 1);
  return { width, height, ids: unpack(rows, stride, width, height, depth) };
}

/** Undo the differences that each row was written as, in place; `step` is the bytes of a pixel, at least 1. */
function unfilter(/** @type {Uint8Array} */ rows, stride, height, /** @type {number} */ step) {
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1) + 1;
    const kind = rows[start - 1];
    for (let x = 0; kind && x < stride; x++) {
      const at = start + x;
      const left = x >= step ? rows[at - step] : 0;
      const above = y ? rows[at - stride - 1] : 0;
      if (kind === 1) rows[at] += left;
      else if (kind === 2) rows[at] += above;
      else if (kind === 3) rows[at] += (left + above) >> 1;
      else rows[at] += nearest(left, above, x >= step && y ? rows[at - stride - 1 - step] : 0);
    }
  }
}

/** Paeth's choice: of three neighbours the one closest to left + above - corner. */
function nearest(/** @type {number} */ left, /** @type {number} */ above, /** @type {number} */ corner) {
  const [toLeft, toAbove, toCorner] = [
    Math.abs(above - corner),
    Math.abs(left - corner),
    Math.abs(left + above - 2 * corner),
  ];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** Take the filters' bytes out, and several pixels out of a byte, or one out of two. */
function unpack(/** @type {Uint8Array} */ rows, stride, width, height, depth) {
  const ids = depth === 16 ? new Uint16Array(width * height) : new Uint8Array(width * height);
  const mask = (1 << depth) - 1;
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1) + 1;
    if (depth === 8) ids.set(rows.subarray(start, start + width), y * width);
    else if (depth === 16) {
      for (let x = 0; x < width; x++) ids[y * width + x] = (rows[start + 2 * x] << 8) | rows[start + 2 * x + 1];
    } else {
      for (let x = 0; x < width; x++) {
        const bit = x * depth;
        ids[y * width + x] = (rows[start + (bit >> 3)] >> (8 - depth - (bit & 7))) & mask;
      }
    }
  }
  return ids;
}
