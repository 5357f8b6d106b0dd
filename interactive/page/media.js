/** Pictures and masks of the video: fetched as they are needed, decoded once, kept within bounds. */
import { Loader } from "./loader.js";
import { readIds } from "./png.js";

const SIDES = [360, 540, 720, 1080, 2160]; // short sides in pixels that pictures are asked for
const [PICTURES, MASKS, THUMBS] = [192e6, 64e6, 24e6]; // bytes
export const THUMB = 72; // short side of a thumbnail

/** @typedef {{width: number, height: number, ids: Uint8Array|Uint16Array}} Mask */

export class Media {
  /** @param {() => void} onLoad called when something has arrived */
  constructor(onLoad) {
    const [bitmapSize, drop] = [
      (/** @type {ImageBitmap} */ bitmap) => bitmap.width * bitmap.height * 4,
      (bitmap) => bitmap.close(),
    ];
    this.pictures = new Loader({ load: fetchPicture, size: bitmapSize, drop, onLoad, limit: PICTURES, lanes: 3 });
    this.thumbs = new Loader({ load: fetchPicture, size: bitmapSize, drop, onLoad, limit: THUMBS, lanes: 2 });
    this.masks = new Loader({ load: fetchMask, size: (mask) => mask.ids.byteLength, onLoad, limit: MASKS, lanes: 3 });
    /** @type {Map<number, string>} the newest mask of each frame that has arrived */
    this.newest = new Map();
  }

  /** Forget everything: another video, or a server that began anew. */
  clear() {
    for (const loader of [this.pictures, this.thumbs, this.masks]) loader.clear();
    this.newest.clear();
  }

  /**
   * Give the mask of a frame; while a new one is on its way, the one before.
   * @param {import("./session.js").SessionState} session
   * @param {number} frame
   * @returns {Mask|null}
   */
  mask(session, frame) {
    const revision = session.revisions[frame];
    if (!revision) return null;
    const key = maskKey(session, frame);
    const value = this.masks.peek(key);
    if (value) this.newest.set(frame, key);
    return value ?? this.masks.peek(this.newest.get(frame) ?? "") ?? null;
  }

  /** Tell whether the mask of a frame that is shown is the newest. */
  isUpToDate(/** @type {import("./session.js").SessionState} */ session, /** @type {number} */ frame) {
    const key = session.revisions[frame] ? maskKey(session, frame) : "";
    return !key || this.masks.values.has(key) || this.masks.failed.has(key);
  }

  /** Say which frames are needed, the most urgent first. */
  want(
    /** @type {import("./session.js").SessionState} */ session,
    /** @type {number[]} */ frames,
    /** @type {number} */ side,
  ) {
    this.pictures.want(frames.map((frame) => pictureKey(session, frame, side)));
    this.masks.want(frames.filter((frame) => session.revisions[frame]).map((frame) => maskKey(session, frame)));
  }
}

/** Choose the short side to ask for, so that a picture is as sharp as the screen. */
export function chooseSide(/** @type {number} */ shown, /** @type {number} */ own) {
  const side = SIDES.find((candidate) => candidate >= shown) ?? SIDES[SIDES.length - 1];
  return Math.min(side, Math.ceil(own));
}

export const pictureKey = (
  /** @type {import("./session.js").SessionState} */ { video },
  /** @type {number} */ frame,
  /** @type {number} */ side,
) => `/frame/${frame}.jpg?side=${side}&video=${video.key}`;

const maskKey = (
  /** @type {import("./session.js").SessionState} */ { video, revisions, version },
  /** @type {number} */ frame,
) => `/mask/${frame}.png?revision=${revisions[frame]}&video=${video.key}&version=${version}`;

async function fetchPicture(/** @type {string} */ url, /** @type {AbortSignal} */ signal) {
  return createImageBitmap(await (await ask(url, signal)).blob());
}

async function fetchMask(/** @type {string} */ url, /** @type {AbortSignal} */ signal) {
  return readIds(await (await ask(url, signal)).arrayBuffer());
}

async function ask(/** @type {string} */ url, /** @type {AbortSignal} */ signal) {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response;
}
