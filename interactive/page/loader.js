/** A bounded cache that loads what is wanted now, in the order of its wants, and gives up what no one wants any more. */

const RETRY = 1500; // milliseconds before something that failed is asked for again

/** @template T */
export class Loader {
  /**
   * @param {object} settings
   * @param {(key: string, signal: AbortSignal) => Promise<T>} settings.load
   * @param {(value: T) => number} settings.size  bytes
   * @param {(value: T) => void} [settings.drop]
   * @param {() => void} settings.onLoad
   * @param {number} settings.limit  bytes
   * @param {number} settings.lanes  how many loads run at a time
   */
  constructor({ load, size, drop = () => {}, onLoad, limit, lanes }) {
    Object.assign(this, { load, size, drop, onLoad, limit, lanes });
    /** @type {Map<string, T>} the least used first */
    this.values = new Map();
    /** @type {Map<string, AbortController>} */
    this.running = new Map();
    /** @type {Map<string, number>} */
    this.failed = new Map();
    /** @type {string[]} */
    this.wanted = [];
    this.bytes = 0;
  }

  /**
   * Give a value that is there.
   * @param {string} key
   * @returns {T|undefined}
   */
  peek(key) {
    const value = this.values.get(key);
    if (value !== undefined) {
      this.values.delete(key);
      this.values.set(key, value);
    }
    return value;
  }

  /** Say what is wanted from now on, the most urgent first; loads of anything else are cancelled. */
  want(/** @type {string[]} */ keys) {
    this.wanted = keys;
    for (const [key, controller] of this.running) {
      if (!keys.includes(key)) {
        this.running.delete(key);
        controller.abort();
      }
    }
    this.#fill();
  }

  /** Forget everything. */
  clear() {
    this.want([]);
    for (const value of this.values.values()) this.drop(value);
    this.values.clear();
    this.failed.clear();
    this.bytes = 0;
  }

  #fill() {
    const now = performance.now();
    for (const key of this.wanted) {
      if (this.running.size >= this.lanes) return;
      if (!this.values.has(key) && !this.running.has(key) && !(this.failed.get(key) > now)) this.#run(key);
    }
  }

  async #run(/** @type {string} */ key) {
    const controller = new AbortController();
    this.running.set(key, controller);
    try {
      const value = await this.load(key, controller.signal);
      if (controller.signal.aborted) this.drop(value);
      else this.#keep(key, value);
    } catch {
      if (!controller.signal.aborted) {
        this.failed.set(key, performance.now() + RETRY);
        setTimeout(() => this.#fill(), RETRY + 10);
      }
    }
    if (this.running.get(key) === controller) this.running.delete(key);
    this.#fill();
  }

  #keep(/** @type {string} */ key, /** @type {T} */ value) {
    this.failed.delete(key);
    this.values.set(key, value);
    this.bytes += this.size(value);
    for (const [old, oldValue] of this.values) {
      if (this.bytes <= this.limit || old === key) break;
      this.values.delete(old);
      this.bytes -= this.size(oldValue);
      this.drop(oldValue);
    }
    this.onLoad();
  }
}
