//! The README's commands, run as they stand there.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tally_tests::binary;

/// The shell blocks between the marks, in order.
fn commands(readme: &str) -> Vec<&str> {
    let marked = readme.split("<!-- test:begin -->").skip(1).filter_map(|part| part.split("<!-- test:end -->").next());
    marked.flat_map(|part| part.split("```sh\n").skip(1)).filter_map(|block| block.split("```").next()).collect()
}

#[test]
fn the_readmes_commands_do_what_they_say() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
    let readme = std::fs::read_to_string(root.join("README.md"))?;
    let blocks = commands(&readme);
    ensure!(!blocks.is_empty(), "the README has marked commands");
    let dir = tempfile::tempdir()?;
    let bin = binary("tally")?;
    binary("tallyd")?;
    let path = format!("{}:{}", bin.parent().context("a directory")?.display(), std::env::var("PATH")?);
    // Whatever happens in between, the alliance that the README starts is stopped at the end.
    let stop = "trap 'tally network down --dir net >/dev/null 2>&1 || true' EXIT";
    let script = format!("set -eu\n{stop}\n{}", blocks.join("\n"));
    let output = Command::new("bash").arg("-c").arg(&script).current_dir(dir.path()).env("PATH", path).output()?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}\n{script}\n{out}\n{err}", output.status);
    Ok(())
}
