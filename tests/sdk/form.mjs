/** The fields of a form. A field that occurs several times is a list. */
export function params(text) {
  const pairs = [...new URLSearchParams(text)];
  const all = (name) => pairs.filter(([one]) => one === name).map(([, value]) => value);
  return Object.fromEntries(pairs.map(([name]) => [name, all(name).length > 1 ? all(name) : all(name)[0]]));
}
