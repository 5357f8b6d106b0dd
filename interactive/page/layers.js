/** Masks as pictures: the coloured areas, and the outlines, in two small canvases of the masks' own size. */

const OPAQUE = 0xff000000;

export class Layers {
  constructor() {
    this.areas = document.createElement("canvas");
    this.lines = document.createElement("canvas");
    this.key = "";
  }

  /**
   * Draw a mask, and over it the strokes of brush and eraser whose masks are not there yet.
   * @param {import("./media.js").Mask|null} mask
   * @param {number[]} size  height and width, for a frame without a mask
   * @param {Map<number, string>} colours  of the objects that are shown
   * @param {import("./store.js").Stroke[]} strokes
   * @param {number} scale  pixels of the mask for a pixel of the video
   */
  draw(mask, [height, width], colours, strokes, scale) {
    [height, width] = mask ? [mask.height, mask.width] : [height, width];
    for (const canvas of [this.areas, this.lines]) {
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    }
    const palette = new Uint32Array(1 + Math.max(...colours.keys(), 0));
    for (const [id, colour] of colours) palette[id] = toPixel(colour); // an id below 0 changes nothing
    if (mask) drawMask(mask, palette, this.areas, this.lines);
    else for (const canvas of [this.areas, this.lines]) canvas.getContext("2d").clearRect(0, 0, width, height);
    if (strokes.length) paint(this.areas, strokes, colours, scale);
  }
}

function drawMask(
  /** @type {import("./media.js").Mask} */ { ids, width, height },
  /** @type {Uint32Array} */ palette,
  areas,
  lines,
) {
  const [area, line] = [new ImageData(width, height), new ImageData(width, height)];
  const [areaPixels, linePixels] = [new Uint32Array(area.data.buffer), new Uint32Array(line.data.buffer)];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const id = ids[at];
      if (!id) continue;
      const pixel = palette[id];
      areaPixels[at] = pixel;
      const isEdge =
        (x && ids[at - 1] !== id) ||
        (x < width - 1 && ids[at + 1] !== id) ||
        (y && ids[at - width] !== id) ||
        (y < height - 1 && ids[at + width] !== id);
      if (isEdge) linePixels[at] = pixel;
    }
  }
  areas.getContext("2d").putImageData(area, 0, 0);
  lines.getContext("2d").putImageData(line, 0, 0);
}

function paint(/** @type {HTMLCanvasElement} */ canvas, strokes, colours, /** @type {number} */ scale) {
  const context = canvas.getContext("2d");
  for (const { points, object, thickness } of strokes) {
    context.globalCompositeOperation = object ? "source-over" : "destination-out";
    context.strokeStyle = colours.get(object) ?? "#000";
    context.lineWidth = Math.max(1, thickness * scale);
    context.lineCap = context.lineJoin = "round";
    tracePath(context, points, scale, 0, 0);
    context.stroke();
  }
  context.globalCompositeOperation = "source-over";
}

/** Lay a path through points; a single one becomes a dot. */
export function tracePath(
  /** @type {CanvasRenderingContext2D} */ context,
  /** @type {number[][]} */ points,
  scale,
  left,
  top,
) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(left + x * scale, top + y * scale);
  if (points.length === 1) context.lineTo(left + points[0][0] * scale + 0.01, top + points[0][1] * scale);
}

/** Turn "#rrggbb" into the number of an opaque pixel; browsers' processors keep the lowest byte first. */
function toPixel(/** @type {string} */ colour) {
  const value = Number.parseInt(colour.slice(1), 16);
  return (OPAQUE | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}
