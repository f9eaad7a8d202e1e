//! Files of command lines.
//!
//! A line is a tool's name and its arguments, separated by spaces; behind ` << ` stands what it reads, with `\n` for line ends.
//! `{broker}` is the broker's address, `{data}` the directory with its data, `{dir}` a directory of the side's own. Besides there are:
//!
//! - `@file NAME TEXT`: a file in `{dir}`
//! - `@start NAME LINE`, `@stop NAME`: a tool that runs on in a process of its own, until it is asked to end
//! - `@until TEXT LINE`: runs the line again and again until it prints TEXT; nothing of it is compared
//! - `@while TEXT LINE`: the same until it does not print TEXT any more

use std::path::Path;

/// A file of command lines.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) name: String,
    /// Each line and what it means.
    pub(crate) steps: Vec<(String, Step)>,
}

/// One line.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    File { name: String, text: String },
    Run(Run),
    Start { name: String, run: Run },
    Stop { name: String },
    Until { text: String, run: Run },
    While { text: String, run: Run },
}

/// A run of a tool.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) tool: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) input: String,
}

impl Script {
    /// The files of a directory, in the order of their names.
    #[track_caller]
    pub(crate) fn all(directory: &Path) -> Vec<Self> {
        let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let scripts = paths.iter().map(|path| Self {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            steps: steps(&std::fs::read_to_string(path).unwrap()),
        });
        scripts.collect()
    }

    /// The lines whose output is compared.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter(|(_, step)| matches!(step, Step::Run(_))).map(|(line, _)| line.as_str())
    }
}

fn steps(text: &str) -> Vec<(String, Step)> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| (line.to_owned(), Step::parse(line))).collect()
}

impl Step {
    pub(crate) fn parse(line: &str) -> Self {
        let Some(directive) = line.strip_prefix('@') else { return Self::Run(Run::parse(line)) };
        let mut parts = directive.splitn(3, ' ');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let (verb, first, rest) = (part(), part(), part());
        match verb.as_str() {
            "file" => Self::File { name: first, text: rest },
            "start" => Self::Start { name: first, run: Run::parse(&rest) },
            "stop" => Self::Stop { name: first },
            "until" => Self::Until { text: first, run: Run::parse(&rest) },
            "while" => Self::While { text: first, run: Run::parse(&rest) },
            _ => panic!("{line}: there is no such directive"),
        }
    }
}

impl Run {
    fn parse(line: &str) -> Self {
        let (command, input) = line.split_once(" << ").unwrap_or((line, ""));
        let mut words = command.split_whitespace().map(str::to_owned);
        let tool = words.next().unwrap_or_else(|| panic!("{line}: there is no tool"));
        Self { tool, arguments: words.collect(), input: unescape(input) }
    }
}

/// A text in which tabs, line ends and backslashes are written as `\t`, `\n` and `\\`.
pub(crate) fn unescape(text: &str) -> String {
    let mut chars = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(char) = chars.next() {
        match (char, char == '\\') {
            (_, true) => plain.push(match chars.next().unwrap_or('\\') {
                't' => '\t',
                'n' => '\n',
                other => other,
            }),
            (char, false) => plain.push(char),
        }
    }
    plain
}

/// What [`unescape`] reads.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n")
}
