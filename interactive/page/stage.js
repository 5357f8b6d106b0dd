/** Draws the picture, the masks and the strokes, at most once in an animation frame. */
import { Layers } from "./layers.js";
import { fitting, place } from "./look.js";
import { drawMarks } from "./marks.js";
import { chooseSide, pictureKey } from "./media.js";
import { colourMap } from "./session.js";

const SHARPEST = 2; // device pixels for a CSS pixel; more costs time that no one sees
const AHEAD = 6; // frames that are fetched before they are needed
const PLAYING_SIDE = 720;

export class Stage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {ReturnType<typeof import("./store.js").createStore>} store
   * @param {import("./media.js").Media} media
   */
  constructor(canvas, store, media) {
    Object.assign(this, { canvas, store, media });
    this.context = canvas.getContext("2d", { alpha: false });
    this.buffer = document.createElement("canvas");
    this.layers = new Layers();
    this.size = { width: 1, height: 1 };
    /** @type {{frame: number, key: string}|null} what is on the screen */
    this.shown = null;
    this.isStale = false;
    new ResizeObserver(() => this.resize()).observe(canvas);
    store.listen(() => this.invalidate());
    this.resize();
  }

  /** Tell where the picture lies, in CSS pixels. */
  place() {
    const { session, look } = this.store.get();
    return place(look, session?.video ?? { width: 16, height: 9 }, this.size);
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    this.size = { width: Math.max(1, width), height: Math.max(1, height) };
    this.dense = Math.min(SHARPEST, devicePixelRatio || 1);
    for (const canvas of [this.canvas, this.buffer]) {
      [canvas.width, canvas.height] = [
        Math.round(this.size.width * this.dense),
        Math.round(this.size.height * this.dense),
      ];
    }
    this.invalidate();
  }

  invalidate() {
    if (this.isStale) return;
    this.isStale = true;
    requestAnimationFrame(() => {
      this.isStale = false;
      this.draw();
    });
  }

  draw() {
    const state = this.store.get();
    const { context } = this;
    context.setTransform(this.dense, 0, 0, this.dense, 0, 0);
    context.fillStyle = getComputedStyle(this.canvas).getPropertyValue("--canvas").trim() || "#111";
    context.fillRect(0, 0, this.size.width, this.size.height);
    if (!state.session) return;
    const at = this.place();
    const picture = this.#choosePicture(state, at);
    if (!picture || !this.shown) return;
    this.#compose(state, at, picture, this.shown.frame);
    if (this.shown.frame === state.frame) drawMarks(context, state, at, this.dense);
    this.#tell(state);
  }

  /** The wanted frame once it has come; until then the one that is on the screen. */
  #choosePicture(/** @type {import("./store.js").State} */ state, at) {
    const { session, frame } = state;
    const { width, height, frames } = session.video;
    const own = Math.min(width, height);
    const sharp = chooseSide(own * at.scale * this.dense, own);
    const usual = chooseSide(own * fitting(session.video, this.size) * this.dense, own);
    const side = state.playing || session.job ? Math.min(usual, PLAYING_SIDE) : sharp;
    const ahead = Array.from({ length: state.playing ? AHEAD : 1 }, (_, index) => (frame + 1 + index) % frames);
    this.media.want(session, [frame, ...ahead], side);
    const { pictures } = this.media;
    for (const candidate of [side, usual, Math.min(usual, PLAYING_SIDE)]) {
      const key = pictureKey(session, frame, candidate);
      const found = pictures.peek(key);
      if (found && (this.shown?.frame === frame || this.media.isUpToDate(session, frame))) {
        this.shown = { frame, key };
        return found;
      }
    }
    return this.shown && (pictures.peek(this.shown.key) ?? null);
  }

  #compose(
    /** @type {import("./store.js").State} */ state,
    at,
    /** @type {ImageBitmap} */ picture,
    /** @type {number} */ frame,
  ) {
    const { context, layers } = this;
    const view = state.covered ? state.view : "overlay";
    this.#drawLayers(state, frame);
    context.imageSmoothingQuality = "high";
    context.imageSmoothingEnabled = at.scale * state.session.video.height < 6 * picture.height;
    const draw = (source) => context.drawImage(source, at.left, at.top, at.width, at.height);
    if (view === "overlay" || view === "popup") draw(picture);
    if (view === "mask") this.#fill(at, "#000");
    if (view === "cutout") this.#drawChecks(at);
    if (view === "popup") this.#fill(at, "#808080", "saturation"); // colours go, luminance stays: .3 .59 .11
    if (view === "cutout" || view === "popup")
      context.drawImage(this.#cut(picture, at), 0, 0, this.size.width, this.size.height);
    if (!state.covered) return;
    context.imageSmoothingEnabled = view !== "mask";
    if (view === "overlay" || view === "mask") {
      context.globalAlpha = view === "mask" ? 1 : state.opacity;
      draw(layers.areas);
      context.globalAlpha = 1;
    }
    if (state.outline && view !== "mask" && view !== "cutout") draw(layers.lines);
    context.imageSmoothingEnabled = true;
  }

  #drawLayers(/** @type {import("./store.js").State} */ state, /** @type {number} */ frame) {
    const { session, hidden, pending, stroke } = state;
    const painted = [...pending, ...(stroke ? [stroke] : [])].filter(
      (one) => one.kind === "draw" && one.frame === frame,
    );
    const colours = colourMap(session, hidden);
    const mask = this.media.mask(session, frame);
    const key = [frame, [...colours].join(), ...painted.map(({ points }) => points.length)].join("|");
    if (this.layersKey === key && this.drawnMask === mask) return;
    Object.assign(this, { layersKey: key, drawnMask: mask });
    this.layers.draw(mask, session.working_size, colours, painted, session.working_size[0] / session.video.height);
  }

  #fill(at, /** @type {string} */ colour, /** @type {GlobalCompositeOperation} */ mode = "source-over") {
    this.context.globalCompositeOperation = mode;
    this.context.fillStyle = colour;
    this.context.fillRect(at.left, at.top, at.width, at.height);
    this.context.globalCompositeOperation = "source-over";
  }

  /** The picture where the objects are, and nothing elsewhere. */
  #cut(/** @type {ImageBitmap} */ picture, at) {
    const context = this.buffer.getContext("2d");
    context.setTransform(this.dense, 0, 0, this.dense, 0, 0);
    context.clearRect(0, 0, this.size.width, this.size.height);
    context.globalCompositeOperation = "source-over";
    context.drawImage(picture, at.left, at.top, at.width, at.height);
    context.globalCompositeOperation = "destination-in";
    context.drawImage(this.layers.areas, at.left, at.top, at.width, at.height);
    return this.buffer;
  }

  #drawChecks(at) {
    if (!this.checks) {
      const tile = document.createElement("canvas");
      tile.width = tile.height = 16;
      const context = tile.getContext("2d");
      for (const [colour, x, y] of [
        ["#fff", 0, 0],
        ["#c8c8c8", 8, 0],
        ["#c8c8c8", 0, 8],
        ["#fff", 8, 8],
      ]) {
        context.fillStyle = colour;
        context.fillRect(x, y, 8, 8);
      }
      this.checks = this.context.createPattern(tile, "repeat");
    }
    this.context.fillStyle = this.checks;
    this.context.fillRect(at.left, at.top, at.width, at.height);
  }

  /** Tell tests and other programs what is on the screen. */
  #tell(/** @type {import("./store.js").State} */ { session }) {
    const { dataset } = this.canvas;
    const { frame } = this.shown;
    dataset.frame = String(frame);
    dataset.pending = String(this.store.get().pending.length);
    dataset.revision = this.media.isUpToDate(session, frame) ? String(session.revisions[frame]) : "";
  }
}
