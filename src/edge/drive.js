// Drives one of the Worker's futures: waits for what it waits for, and calls it again with what came.
export async function drive(resume, task, waiting) {
  while (waiting instanceof Promise) {
    let value;
    let kept = true;
    try {
      value = await waiting;
    } catch (error) {
      value = error;
      kept = false;
    }
    waiting = resume(task, value, kept);
  }
  return waiting;
}

// Every header in one text, so that the crossing into WASM is paid once.
export function headerLines(headers) {
  let lines = "";
  for (const [name, value] of headers) lines += `${name}:${value}\n`;
  return lines;
}
