//! Cuts long texts from outside before they are shown.

use std::borrow::Cow;

/// The beginning of `text` that needs at most `most` bytes in a JSON string. A text that was cut ends with `…`. A control
/// character counts as six bytes, the longest that JSON needs for one character.
pub fn beginning(text: &str, most: usize) -> Cow<'_, str> {
    let mut bytes = 0_usize;
    let mut end = 0_usize;
    for (at, letter) in text.char_indices() {
        bytes = bytes.saturating_add(match letter {
            '"' | '\\' => 2,
            '\0'..='\u{1f}' => 6,
            letter => letter.len_utf8(),
        });
        if bytes > most {
            return Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()));
        }
        if bytes.saturating_add('…'.len_utf8()) <= most {
            end = at.saturating_add(letter.len_utf8());
        }
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_to_its_beginning_within_the_limit() {
        assert_eq!(beginning("short", 5), "short");
        assert_eq!(beginning("longer", 5), "lo…");
        assert_eq!(beginning("Zoë Zoë", 8), "Zoë …");
        for letter in ["x", "\"", "\n", "\u{1}", "ë", "€", "🦀", "\u{7f}"] {
            for length in 0..40 {
                let text = letter.repeat(length);
                let shown = beginning(&text, 24);
                let json = serde_json::to_string(&shown).expect("a text").len() - 2;
                assert!(json <= 24, "{letter:?} {length}: {shown:?}");
                assert!(shown == text || shown.ends_with('…'));
            }
        }
    }
}
