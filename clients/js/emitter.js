/** Listeners by name. */
export class Emitter {
  #listeners = new Map();

  /** Calls `listener` on every `name` from now on; returns the function that stops it. */
  on(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    const listeners = this.#listeners.get(name).add(listener);
    return () => void listeners.delete(listener);
  }

  emit(name, ...args) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        // A listener that throws must not cost the others an event, nor the stream its position; the error is still reported.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
