//! Texts that somebody else wrote, as they are shown: their beginning alone.

use std::borrow::Cow;

/// The beginning of `text` that takes at most `most` bytes within a JSON string, with `…` where something was left out.
/// A control character takes six bytes there.
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
    fn what_is_shown_is_the_beginning_and_never_longer_than_it_may_be() {
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
