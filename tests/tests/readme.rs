//! The README's commands, run as they stand there; its Chinese version, compared with it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tally_tests::binary;

/// The shell blocks between the marks, in order.
fn commands(readme: &str) -> Vec<&str> {
    let marked = readme.split("<!-- test:begin -->").skip(1).filter_map(|part| part.split("<!-- test:end -->").next());
    marked.flat_map(|part| part.split("```sh\n").skip(1)).filter_map(|block| block.split("```").next()).collect()
}

/// Every shell block, without its comments.
fn all_blocks(readme: &str) -> Vec<String> {
    let blocks = readme.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let bare = |line: &str| line.split(" # ").next().unwrap_or(line).trim_end().to_owned();
    blocks.map(|block| block.lines().map(bare).collect::<Vec<_>>().join("\n")).collect()
}

#[test]
fn the_readme_says_the_same_in_chinese() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
    let english = std::fs::read_to_string(root.join("README.md"))?;
    let chinese = std::fs::read_to_string(root.join("README.zh.md"))?;
    ensure!(commands(&english) == commands(&chinese), "the commands that are run differ");
    ensure!(all_blocks(&english) == all_blocks(&chinese), "the commands that are shown differ");
    ensure!(english.contains("(README.zh.md)") && chinese.contains("(README.md)"), "each leads to the other");
    let links = |text: &str| -> Vec<String> {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let mut targets: Vec<String> = targets.filter(|to| !to.starts_with("README")).map(ToOwned::to_owned).collect();
        targets.sort();
        targets
    };
    ensure!(links(&english) == links(&chinese), "what is linked differs");
    for target in links(&english).iter().filter(|to| !to.starts_with("http")) {
        let path = target.split('#').next().unwrap_or(target);
        ensure!(root.join(path).exists(), "{path} is linked and is not there");
    }
    Ok(())
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
