//! Writes OpenMetrics 1.0 text (<https://github.com/prometheus/OpenMetrics>).

use std::fmt::{Display, Write as _};

/// The media type of the text.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A text with families of metrics.
#[derive(Debug, Default)]
pub struct OpenMetrics(String);

/// The kind of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that goes up, or begins again with 0. The names of its samples end with `_total`.
    Counter,
    /// Counters by the upper bound of a value. The names of its samples end with `_bucket`.
    Histogram,
    /// A constant 1, whose labels are the information. The names of its samples end with `_info`.
    Info,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Gauge => "",
            Self::Counter => "_total",
            Self::Histogram => "_bucket",
            Self::Info => "_info",
        }
    }
}

/// A label's name and its value.
pub type Label<'l> = (&'static str, &'l str);

impl OpenMetrics {
    /// Writes a family: its head, and a sample for each element of `samples`. A family without samples is left out. A name
    /// that ends with `_seconds` has the unit `seconds`.
    pub fn family<'l, L: AsRef<[Label<'l>]>, V: Display>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        samples: impl IntoIterator<Item = (L, V)>,
    ) {
        let mut is_first = true;
        for (labels, value) in samples {
            if std::mem::take(&mut is_first) {
                self.line(format_args!("# TYPE {name} {}", kind.name()));
                if name.ends_with("_seconds") {
                    self.line(format_args!("# UNIT {name} seconds"));
                }
                self.line(format_args!("# HELP {name} {}", Escaped(help)));
            }
            self.line(format_args!("{name}{}{} {value}", kind.suffix(), Labels(labels.as_ref())));
        }
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        self.line(format_args!("# EOF"));
        self.0
    }

    #[expect(clippy::expect_used, reason = "writing to a text cannot fail")]
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("writing to a text cannot fail");
    }
}

/// A text in which a backslash, a quote and a line feed are escaped.
struct Escaped<'t>(&'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '\\' => to.write_str("\\\\"),
            '"' => to.write_str("\\\""),
            '\n' => to.write_str("\\n"),
            letter => to.write_char(letter),
        })
    }
}

struct Labels<'s, 'l>(&'s [Label<'l>]);

impl Display for Labels<'_, '_> {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, (name, value)) in self.0.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            write!(to, "{before}{name}=\"{}\"", Escaped(value))?;
        }
        if self.0.is_empty() { Ok(()) } else { to.write_char('}') }
    }
}

/// Milliseconds as seconds, as OpenMetrics writes a bound: with at least one digit after the point.
pub fn seconds(milliseconds: u64) -> String {
    let (whole, rest) = (milliseconds / 1000, milliseconds % 1000);
    let mut text = format!("{whole}.{rest:03}");
    while text.ends_with("00") || (text.ends_with('0') && !text.ends_with(".0")) {
        text.pop();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_a_head_and_escaped_labels() {
        let mut text = OpenMetrics::default();
        text.family("a", Kind::Counter, "Help \\ with\nlines.", [([("x", "q\"\\\n"), ("y", "é")], 7)]);
        text.family("b_seconds", Kind::Gauge, "Seconds.", [(&[][..], 1)]);
        text.family("c", Kind::Info, "None.", std::iter::empty::<([Label<'_>; 0], u64)>());
        let expected = "# TYPE a counter\n# HELP a Help \\\\ with\\nlines.\na_total{x=\"q\\\"\\\\\\n\",y=\"é\"} 7\n\
                        # TYPE b_seconds gauge\n# UNIT b_seconds seconds\n# HELP b_seconds Seconds.\nb_seconds 1\n# EOF\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn a_bound_is_in_seconds_with_a_point() {
        let bounds = [0, 10, 80, 150, 400, 1000, 1500, 12_000, 30_000].map(seconds);
        assert_eq!(bounds, ["0.0", "0.01", "0.08", "0.15", "0.4", "1.0", "1.5", "12.0", "30.0"]);
    }
}
