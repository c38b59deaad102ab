//! The documents name what the program has: settings, exit codes, commands, this version, files of the image. The README
//! stays short, and every relative link leads to a file and a heading.

use std::path::{Path, PathBuf};

use doorstep::internals::Layer;

use crate::support::Doorstep;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

const COMMANDS: [&str; 17] = [
    "run", "wait", "migrate", "verify", "check", "diff", "lint", "status", "plan", "doctor", "advise", "replay",
    "snapshot", "compat", "resolve", "baseline", "install",
];

/// The first cells of the tables' rows in a Markdown document.
fn first_cells(document: &str) -> Vec<&str> {
    document.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect()
}

#[test]
fn docs_settings_names_every_setting_and_the_readme_only_existing_ones() {
    let settings = read("docs/settings.md");
    for name in Layer::NAMES {
        assert!(settings.contains(&format!("`{name}`")), "docs/settings.md lacks the setting {name}");
    }
    let readme = read("README.md");
    let (_, section) = readme.split_once("\n## Settings\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let named: Vec<&str> = first_cells(section).into_iter().filter(|cell| cell.starts_with('`')).collect();
    assert_eq!(named.len(), 8, "{named:?}");
    for name in named {
        assert!(
            Layer::NAMES.contains(&name.trim_matches('`')),
            "README.md has the setting {name}, which does not exist"
        );
    }
}

#[test]
fn the_readme_names_every_exit_code_and_every_command() {
    let readme = read("README.md");
    for code in [0, 1, 3, 64, 65, 69, 70, 71, 75, 77, 78, 126, 127] {
        assert!(readme.contains(&format!("| {code} |")), "README.md lacks the exit code {code}");
    }
    for command in COMMANDS {
        let is_named = |cell: &&str| {
            let name = cell.trim_start_matches('[').strip_prefix('`');
            name.is_some_and(|rest| rest.strip_prefix(command).is_some_and(|after| after.starts_with(['`', ' '])))
        };
        assert!(first_cells(&readme).iter().any(is_named), "README.md lacks the command {command}");
    }
}

#[test]
fn help_names_every_setting_and_every_command_there_is() {
    let help = Doorstep::new(&["--help"]).run().code(0).stdout;
    for name in Layer::NAMES {
        assert!(help.contains(&format!("--{}", name.replace('_', "-"))), "--help lacks {name}");
    }
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "--help lacks the command {command}");
    }
}

#[test]
fn the_readme_has_at_most_170_lines() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 170, "README.md has {lines} lines: move details to docs/");
}

#[test]
fn every_page_of_docs_is_linked_from_the_readme() {
    let readme = read("README.md");
    for page in markdown_files("docs") {
        assert!(readme.contains(&format!("({page})")), "README.md has no link to {page}");
    }
}

#[test]
fn relative_links_lead_to_existing_files_and_headings() {
    let mut checked = 0;
    for folder in ["", "docs", "deploy", "deploy/kubernetes", "examples", "tests"] {
        for document in markdown_files(folder) {
            for link in relative_links(&read(&document)) {
                let (path, heading) = link.split_once('#').map_or((link.as_str(), None), |(a, b)| (a, Some(b)));
                let own = root().join(&document);
                let target = if path.is_empty() { own } else { own.parent().unwrap().join(path) };
                assert!(target.exists(), "{document} links to {link}, which does not exist");
                if let Some(heading) = heading {
                    let headings = anchors(&std::fs::read_to_string(&target).unwrap());
                    assert!(headings.iter().any(|found| found == heading), "{document} links to {link}: {headings:?}");
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 80, "only {checked} links were found");
}

#[test]
fn anchors_are_those_that_github_gives_to_headings() {
    let document = "# A title\n## `--init`\n## Probe: `check`\n```sh\n# no heading\n```\n### SIGTERM and kill -9\n";
    assert_eq!(anchors(document), ["a-title", "--init", "probe-check", "sigterm-and-kill--9"]);
    assert_eq!(relative_links("[a](b.md#c) [d](https://e) `[f](g)`\n```\n[h](i)\n```\n[j](k/)"), ["b.md#c", "k/"]);
}

/// The Markdown files of a folder and, for `examples` and `tests`, also of the folders in it; relative to the root.
fn markdown_files(folder: &str) -> Vec<String> {
    let entries =
        |path: &Path| -> Vec<PathBuf> { std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let mut found = entries(&root().join(folder));
    if matches!(folder, "examples" | "tests") {
        found.extend(found.clone().iter().filter(|path| path.is_dir()).flat_map(|path| entries(path)));
    }
    let relative = |path: &PathBuf| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    found.iter().filter(|path| path.extension().is_some_and(|it| it == "md")).map(relative).collect()
}

/// The lines outside of fenced code blocks.
fn prose(document: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    document.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        inside ^= is_fence;
        !inside && !is_fence
    })
}

/// The targets of `[text](target)` without those that are URLs.
fn relative_links(document: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(document) {
        // Text between backquotes is code: every second piece.
        let text: String = line.split('`').step_by(2).collect();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        links.extend(targets.filter(|target| !target.contains("://")).map(str::to_owned));
    }
    links
}

/// The anchors of a document's headings: lower case, without punctuation, hyphens for spaces.
fn anchors(document: &str) -> Vec<String> {
    let heading = |line: &str| {
        let text = line.trim_start_matches('#');
        (text.len() < line.len() && text.starts_with(' ')).then(|| text.trim().to_lowercase())
    };
    let kept = |c: char| match c {
        ' ' => Some('-'),
        _ if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    };
    prose(document).filter_map(heading).map(|text| text.chars().filter_map(kept).collect()).collect()
}

#[test]
fn the_changelog_has_this_version() {
    assert!(read("CHANGELOG.md").contains(&format!("## [{}]", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_dockerfile_copies_what_is_there_and_gets_past_dockerignore() {
    let ignored = read(".dockerignore");
    let copies = read("docker/Dockerfile");
    let copies =
        copies.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from"));
    let sources: Vec<&str> = copies.flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' ')).collect();
    assert!(sources.contains(&"Cargo.lock"), "{sources:?}");
    for source in sources {
        assert!(root().join(source).exists(), "docker/Dockerfile copies {source}, which is not there");
        assert!(ignored.lines().any(|line| line == format!("!{source}")), ".dockerignore keeps {source} out");
    }
}
