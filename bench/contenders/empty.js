// A Worker with nothing in it: what a process costs before any Worker's own code.
export default {
  fetch() {
    return new Response("{}");
  },
};
