//! How the command line answers: tables for people, JSON with `--json`; lines, never cursor tricks, when not a terminal.

use std::io::{IsTerminal as _, Write as _};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use tally_contracts::genesis::MAX_TIME_MS;
use tally_contracts::types::{Calendar, DAY_MS, Month};

/// What the exit code says of an answer that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Exit code 0.
    Yes,
    /// Exit code 1: the question was answered, and the answer is no.
    No,
}

impl Verdict {
    /// The verdict on a condition.
    pub const fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// The language of what people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    En,
    /// Chinese.
    Zh,
}

impl Lang {
    /// The text in this language.
    pub fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        if self == Self::En { english } else { chinese }
    }
}

/// Where and how to answer.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// JSON instead of text.
    pub json: bool,
}

impl Output {
    /// Gives the answer: the value with `--json`, else the text.
    pub fn answer(self, value: &Value, text: impl FnOnce() -> String) {
        if self.json { line(&pretty(value)) } else { line(text().trim_end()) }
    }

    /// One event of something that goes on: a line of JSON, or a line of text.
    pub fn event(self, value: &Value, text: impl FnOnce() -> String) {
        if self.json { line(&value.to_string()) } else { line(&text()) }
    }

    /// Reports why nothing was done.
    pub fn error(self, error: &anyhow::Error) {
        if self.json {
            line(&json!({ "error": format!("{error:#}") }).to_string());
        }
        eprintln!("tally: {error:#}");
    }

    /// A progress bar on the terminal's standard error; nothing where there is none or JSON is asked for.
    pub fn progress(self, total: u64, template: &str) -> ProgressBar {
        let hidden = self.json || !std::io::stderr().is_terminal();
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        let style = ProgressStyle::with_template(template).expect("a template of this program is well formed");
        ProgressBar::with_draw_target(Some(total), target).with_style(style.progress_chars("=> "))
    }
}

/// Writes a line; a reader that went away (`| head`) is no error.
fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// JSON over several lines.
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("a JSON value has a text")
}

/// Which side a column's texts stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table for people: a heading, then rows; columns as wide as their widest text.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table by its headings; those that start with `#` are of numbers.
    pub fn new(headings: &[&str]) -> Self {
        let column = |heading: &&str| match heading.strip_prefix('#') {
            Some(heading) => (heading.to_owned(), Align::Right),
            None => ((*heading).to_owned(), Align::Left),
        };
        Self { columns: headings.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let row: Vec<String> = cells.into_iter().collect();
        debug_assert_eq!(row.len(), self.columns.len(), "a row has a cell for each column");
        self.rows.push(row);
    }

    /// The table as text.
    pub fn text(&self) -> String {
        let width = |i: usize| {
            let cells = self.rows.iter().map(|row| row[i].chars().count());
            cells.chain([self.columns[i].0.chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let headings: Vec<String> = self.columns.iter().map(|(heading, _)| heading.clone()).collect();
        let mut text = String::new();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let cells = row.iter().zip(&self.columns).zip(&widths).map(|((cell, (_, align)), width)| match align {
                Align::Left => format!("{cell:<width$}"),
                Align::Right => format!("{cell:>width$}"),
            });
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

/// The text of a JSON field: strings without quotes, nothing for null or a missing one.
pub fn text_of(value: &Value, field: &str) -> String {
    match value.pointer(&format!("/{}", field.replace('.', "/"))) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The elements of a JSON list, or of its `items`; nothing where there is no list.
pub fn items_of(value: &Value) -> &[Value] {
    let list = value.as_array().or_else(|| value.get("items").and_then(Value::as_array));
    list.map_or(&[], Vec::as_slice)
}

/// Milliseconds since 1970 as `2017-03-01 05:00:00` UTC; the number itself where it lies after all block times.
pub fn utc_text(time_ms: u64) -> String {
    if time_ms > MAX_TIME_MS {
        return time_ms.to_string();
    }
    let calendar = Calendar { utc_offset_minutes: 0 };
    let month: Month = calendar.month(time_ms);
    let day = (time_ms - calendar.start_ms(month)) / DAY_MS + 1;
    let seconds = time_ms % DAY_MS / 1000;
    format!("{month}-{day:02} {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// An amount in fen, given as text of an integer, as CNY with two decimals; other texts stay as they are.
pub fn cny(fen: &str) -> String {
    let Ok(fen) = fen.parse::<i128>() else { return fen.to_owned() };
    let sign = if fen < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", fen.unsigned_abs() / 100, fen.unsigned_abs() % 100)
}

/// An amount in 10^-8 CNY, given as text of an integer, as CNY with eight decimals; other texts stay as they are.
pub fn cny_exact(obligation: &str) -> String {
    let Ok(amount) = obligation.parse::<i128>() else { return obligation.to_owned() };
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}.{:08}", amount.unsigned_abs() / 100_000_000, amount.unsigned_abs() % 100_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let mut table = Table::new(&["name", "#points"]);
        table.row(["fuel".into(), "7".into()]);
        table.row(["cafe".into(), "12345678".into()]);
        assert_eq!(table.text(), "name    points\nfuel         7\ncafe  12345678\n");
    }

    #[test]
    fn times_and_amounts_read_well() {
        assert_eq!(utc_text(1_483_246_800_000), "2017-01-01 05:00:00");
        assert_eq!(utc_text(1_488_344_461_000), "2017-03-01 05:01:01");
        assert_eq!(utc_text(MAX_TIME_MS), "6000-01-01 00:00:00");
        assert_eq!(utc_text(MAX_TIME_MS + 1), (MAX_TIME_MS + 1).to_string());
        assert_eq!(utc_text(u64::MAX), u64::MAX.to_string());
        assert_eq!(cny("-105"), "-1.05");
        assert_eq!(cny_exact("-1000000"), "-0.01000000");
    }
}
