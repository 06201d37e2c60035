//! Finds the bounds of the values in a JSON text.

/// Goes through a JSON text value by value, and shows each value with its bytes as received.
///
/// The text must be valid JSON: the scanner finds the bounds of values, and checks nothing else. Nesting uses no stack.
pub struct JsonScanner<'b> {
    rest: &'b [u8],
}

impl<'b> JsonScanner<'b> {
    /// A scanner at the beginning of `json`.
    pub fn new(json: &'b [u8]) -> Self {
        Self { rest: json }
    }

    /// The bytes that the scanner has not passed yet.
    pub fn rest(&self) -> &'b [u8] {
        self.rest
    }

    /// Skips the white space of JSON.
    pub fn skip_blanks(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let rest = self.rest.strip_prefix(&[byte]);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Skips `byte` and the blanks after it. `None` if the next byte is another one.
    pub fn begin(&mut self, byte: u8) -> Option<()> {
        let is_there = self.take(byte);
        self.skip_blanks();
        is_there.then_some(())
    }

    /// The next value or key, without the blanks around it. `None` at the end of the text.
    pub fn value(&mut self) -> Option<&'b [u8]> {
        self.skip_blanks();
        let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
        let ends = |byte: &u8| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => in_text = !in_text,
                _ if in_text => {}
                b'[' | b'{' => depth = depth.saturating_add(1),
                b']' | b'}' if depth > 0 => depth = depth.saturating_sub(1),
                b',' | b':' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return true,
                _ => {}
            }
            false
        };
        let length = self.rest.iter().position(ends).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        self.skip_blanks();
        (!value.is_empty()).then_some(value)
    }

    /// Whether the array or object ends here, at the byte `end`. If not, skips the comma before the next item. `None` at
    /// the end of the text.
    pub fn ends(&mut self, end: u8) -> Option<bool> {
        if self.take(end) {
            return Some(true);
        }
        let _ = self.take(b','); // the first item has no comma before it
        (!self.rest.is_empty()).then_some(false)
    }
}
