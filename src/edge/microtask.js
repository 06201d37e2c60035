// The build puts this in place of the runtime's `queueMicrotask`, by which Rust's futures continue. The runtime's function wraps
// each task anew for the event that it belongs to. That cost an eighth of a small webhook's time.
export const queueMicrotask = (task) => void Promise.resolve().then(task);
