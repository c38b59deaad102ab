//! Writes the manual pages and the shell completions into a directory: `cargo run --example texts -- DIR`.
//!
//! They are made from the command line that doorstep parses (clap's own generators), when a release is packed: the binary does
//! not contain the generators.

use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// The name of the program and of its manual page.
const NAME: &str = "doorstep";

/// A file: its path in the archive, and its content.
pub(crate) type File = (PathBuf, Vec<u8>);

/// All files, from doorstep's command line.
pub(crate) fn files(command: Command) -> Vec<File> {
    // clap_mangen would leave out the text of what `-h` does not list.
    let command = command.mut_args(|argument| argument.hide_short_help(false));
    let mut files = vec![page(command.clone(), NAME, "doorstep COMMAND -h lists the options of one command.")];
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("{NAME}-{}", command.get_name());
        let usage = format!("{NAME} {}", command.get_name());
        files.push(page(
            command.clone().bin_name(usage),
            &name,
            "The settings, which every command takes: doorstep(1).",
        ));
    }
    for (shell, file) in [(Shell::Bash, "doorstep.bash"), (Shell::Zsh, "_doorstep"), (Shell::Fish, "doorstep.fish")] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command.clone(), NAME, &mut script);
        files.push((Path::new("completions").join(file), script));
    }
    files
}

/// The manual page of a command. clap_mangen would fill the lines of the examples; they are printed as they are.
fn page(command: Command, name: &str, note: &str) -> File {
    let notes = command.get_after_long_help().map_or_else(|| note.to_owned(), |text| format!("{note}\n\n{text}"));
    let name = name.to_owned();
    let command = command.display_name(name.clone()).after_help(None::<&str>).after_long_help(None::<&str>);
    let source = format!("{NAME} {}", env!("CARGO_PKG_VERSION"));
    let mut text = Vec::new();
    let man = Man::new(command).title(name.to_uppercase()).source(source).manual("User Commands");
    man.render(&mut text).expect("a vector takes every write");
    text.extend_from_slice(format!(".SH NOTES\n.nf\n{}\n.fi\n", roff(&notes)).as_bytes());
    (Path::new("man/man1").join(format!("{name}.1")), text)
}

/// Text as troff prints it: a backslash is an escape, a dash is a hyphen, and a period or an apostrophe at the beginning of a
/// line is a request.
fn roff(text: &str) -> String {
    let line = |line: &str| match line.replace('\\', "\\e").replace('-', "\\-") {
        line if line.starts_with(['.', '\'']) => format!("\\&{line}"),
        line => line,
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

// The tests include this file as a module.
#[allow(dead_code)]
fn main() -> std::io::Result<()> {
    let root = PathBuf::from(std::env::args_os().nth(1).expect("the first argument is the directory"));
    for (path, content) in files(doorstep::internals::command_line()) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("every file is in a directory"))?;
        std::fs::write(path, content)?;
    }
    Ok(())
}
