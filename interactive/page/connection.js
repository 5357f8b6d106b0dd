/** The WebSocket to the server: requests with answers, events, and reconnecting without a click. */

const [FIRST_WAIT, LONGEST_WAIT] = [400, 3000]; // milliseconds between tries
const [SILENCE, PATIENCE] = [10000, 15000]; // milliseconds without a word before a question, and for its answer

export class Connection {
  /**
   * @param {{onEvent: (event: any) => void, onChange: (connection: "open"|"lost") => void}} listeners
   */
  constructor(listeners) {
    this.listeners = listeners;
    /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
    this.open = new Map();
    this.next = 1;
    this.wait = FIRST_WAIT;
    this.heard = 0;
    /** @type {WebSocket|null} */
    this.socket = null;
    this.timer = 0;
    setInterval(() => this.#listenForLife(), 2500);
    addEventListener("online", () => this.#start());
    document.addEventListener("visibilitychange", () => document.hidden || this.#start());
    this.#start();
  }

  /**
   * Ask the server to do something.
   * @param {string} name
   * @param {object} more
   * @returns {Promise<any>} the answer; rejected with the server's line, or when the connection is lost
   */
  send(name, more = {}) {
    return new Promise((resolve, reject) => {
      if (this.socket?.readyState !== WebSocket.OPEN) {
        reject(new Error("no connection to the server: try again when it is back"));
        return;
      }
      const id = this.next++;
      this.open.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ id, do: name, ...more }));
    });
  }

  #start() {
    if (this.socket) return;
    clearTimeout(this.timer);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/session`);
    this.socket = socket;
    this.heard = performance.now();
    socket.addEventListener("open", () => {
      this.wait = FIRST_WAIT;
      this.listeners.onChange("open");
    });
    socket.addEventListener("message", ({ data }) => this.socket === socket && this.#hear(JSON.parse(data)));
    socket.addEventListener("close", () => this.#end(socket));
  }

  #hear(/** @type {any} */ message) {
    this.heard = performance.now();
    const request = this.open.get(message.id);
    if (message.event) this.listeners.onEvent(message);
    else if (request) {
      this.open.delete(message.id);
      if (message.error) request.reject(new Error(message.error));
      else request.resolve(message);
    }
  }

  #end(/** @type {WebSocket} */ socket) {
    if (this.socket !== socket) return;
    this.socket = null;
    for (const { reject } of this.open.values())
      reject(new Error("the connection was lost: what was sent last may be missing"));
    this.open.clear();
    this.listeners.onChange("lost");
    this.timer = setTimeout(() => this.#start(), this.wait);
    this.wait = Math.min(this.wait * 1.6, LONGEST_WAIT);
  }

  /** A cable that is pulled closes nothing: after some silence the server is asked, and given up without an answer. */
  #listenForLife() {
    const silence = performance.now() - this.heard;
    const { socket } = this;
    if (!socket) return;
    if (silence > SILENCE + PATIENCE) {
      socket.close();
      this.#end(socket);
    } else if (silence > SILENCE && socket.readyState === WebSocket.OPEN) {
      this.send("ping").catch(() => {});
    }
  }
}
