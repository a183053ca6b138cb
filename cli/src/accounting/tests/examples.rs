//! Runs the worked examples of `docs/accounting.md`: what the page says is booked is what the books say.
//!
//! Each block fenced as `example` is a history of its own in the page's alliance. Its lines, by turns of `=>`:
//!
//! - `breakage CLASS=RATE[@MONTH]`, first of all: the estimate;
//! - `parameters {..}`, first of all: parameters of the alliance that are others than on the page;
//! - `2017-02-01`: time goes on to the start of that day; `{..}` behind `=>` is one of the due records;
//! - `NAME: MERCHANT KIND {body} => {outcome}`: an operation, and what its receipt says at least;
//! - `MERCHANT ACCOUNT => CNY`: what an account stands at, exactly;
//! - `MERCHANT class CLASS => {..}`: what the summary says of the class at least;
//! - `MERCHANT pool => {..}`: what it says of the pool at least.
//!
//! A block fenced as `journal` is part of the journal of merchant 1 after the example before it.

use serde_json::{Value, json};

use super::super::estimate::{Estimate, Estimates};
use super::super::journal::journal;
use super::super::period::Period;
use super::super::summary::Summary;
use super::{NAMES, PAGE, World, fenced};

#[test]
fn every_worked_example_is_what_is_booked() {
    let examples = fenced("example");
    assert!(examples.len() >= 12, "the page has {} examples", examples.len());
    for (example, number) in examples.iter().zip(1..) {
        run(example).unwrap_or_else(|wrong| panic!("example {number}, {wrong}"));
    }
}

#[test]
fn the_journal_on_the_page_is_what_is_written() {
    let world = run(fenced("example")[0]).unwrap();
    let books = world.books(1);
    let text = journal(books, &NAMES, &Period::whole(books));
    let on_page = fenced("journal")[0];
    assert!(PAGE.find("```example") < PAGE.find("```journal"), "it belongs to the first example");
    assert!(text.contains(on_page.trim_end()), "the journal is\n{text}");
}

fn run(example: &str) -> Result<World, String> {
    let lines = example.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (breakage, lines): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with("breakage "));
    let given: Vec<Estimate> = breakage.iter().map(|line| line["breakage ".len()..].parse().unwrap()).collect();
    let (parameters, lines): (Vec<&str>, Vec<&str>) =
        lines.into_iter().partition(|line| line.starts_with("parameters "));
    let parameters = parameters.first().map_or_else(|| Ok(json!({})), |line| json_of(&line["parameters ".len()..]))?;
    let mut world = World::new(&Estimates::new(&given), &parameters);
    for line in lines {
        world.line(line).map_err(|wrong| format!("`{line}`: {wrong}"))?;
    }
    Ok(world)
}

impl World {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let (said, expected) = line.split_once("=>").map_or((line, None), |(said, e)| (said.trim(), Some(e.trim())));
        if let Ok(day) = said.parse() {
            let (due, _) = self.block(self.genesis.calendar().day_start_ms(day), &[]);
            let Some(expected) = expected.map(json_of).transpose()? else { return Ok(()) };
            let is_there = due.as_array().is_some_and(|due| due.iter().any(|record| holds(record, &expected)));
            return if is_there { Ok(()) } else { Err(format!("due work was {due}")) };
        }
        let expected = expected.ok_or("nothing is said of what it comes to")?;
        if let Some((name, operation)) = said.split_once(": ") {
            let mut words = operation.splitn(3, ' ');
            let merchant = words.next().and_then(|id| id.parse().ok()).ok_or("a merchant stands first")?;
            let (kind, body) = (words.next().ok_or("a kind")?, words.next().ok_or("a body")?);
            let (reference, found) = self.operation(merchant, kind, body)?;
            self.names.insert(name.to_owned(), reference.to_string());
            return says(&found, &json_of(expected)?);
        }
        let words: Vec<&str> = said.split(' ').collect();
        let books = self.books(words[0].parse().map_err(|_| "a merchant stands first")?);
        if let ["class", class] = words[1..] {
            let class: u64 = class.parse().map_err(|_| "a class is a number")?;
            let period = Period::whole(books);
            let summary = Summary::new(books, NAMES, &period, None).json();
            let classes = summary["classes"].as_array().ok_or("classes")?;
            let found = classes.iter().find(|found| found["class"] == class).ok_or("no class of theirs")?;
            return says(found, &json_of(expected)?);
        }
        if words[1..] == ["pool"] {
            let summary = Summary::new(books, NAMES, &Period::whole(books), None).json();
            return says(&summary["pool"], &json_of(expected)?);
        }
        let account = books.entries.balances().iter().find(|(account, _)| account.to_string() == words[1]);
        let found = account.map_or_else(|| "0.00000000".to_owned(), |(_, balance)| balance.exact());
        if found == expected { Ok(()) } else { Err(format!("it was {found}")) }
    }
}

fn json_of(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| format!("{e} in `{text}`"))
}

fn says(found: &Value, expected: &Value) -> Result<(), String> {
    if holds(found, expected) { Ok(()) } else { Err(format!("it was {found}")) }
}

/// Whether a value says all that is expected; it may say more.
fn holds(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| found.get(name).is_some_and(|found| holds(found, value)))
        }
        _ => found == expected,
    }
}
