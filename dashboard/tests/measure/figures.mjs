// Figures, as they are printed.
const sorted = (numbers) => numbers.toSorted((a, b) => a - b);
export const median = (numbers) => sorted(numbers)[Math.floor(numbers.length / 2)];

/** Prints the median and the largest of `numbers`, in milliseconds, beside a bar for the median. */
export function print(name, numbers, bar) {
  const cells = [median(numbers), Math.max(...numbers)].map((number) => number.toFixed(0).padStart(8)).join("");
  const end = bar === undefined ? "" : `${String(bar).padStart(8)} ${median(numbers) <= bar ? "kept" : "MISSED"}`;
  console.log(`${name.padEnd(44)}${cells}${end}`);
}

export function head(title) {
  console.log(title.padEnd(44) + ["median", "max", "bar"].map((name) => name.padStart(8)).join(""));
}
