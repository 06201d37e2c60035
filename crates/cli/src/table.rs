//! Tables of text.

use std::io::{Result, Write};

/// Writes `rows` in columns. Each column is as wide as its longest cell. No line ends with blanks.
pub fn write<const N: usize>(rows: impl IntoIterator<Item = [String; N]>, out: &mut dyn Write) -> Result<()> {
    let rows: Vec<[String; N]> = rows.into_iter().collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}
