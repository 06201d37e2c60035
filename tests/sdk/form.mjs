/** A form as a server hands it over: a name that came more than once has a list. */
export function params(text) {
  const pairs = [...new URLSearchParams(text)];
  const all = (name) => pairs.filter(([one]) => one === name).map(([, value]) => value);
  return Object.fromEntries(pairs.map(([name]) => [name, all(name).length > 1 ? all(name) : all(name)[0]]));
}
