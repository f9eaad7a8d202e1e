//! Schema text to a definition. Every error names its line; nothing is guessed.

use crate::definition::{Default, Field, File, Kind, Message, Role, Scalar, Struct, Type, Versions};

/// What is wrong with a schema text, and in which line (the first is 1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ParseError {
    /// The line.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file does not open with `api` or `record`.
    #[error("a file begins with 'api CODE NAME' or 'record CODE NAME'")]
    NoOpening,
    /// A line that has no meaning at its place.
    #[error("'{0}' means nothing here")]
    Unexpected(String),
    /// A number that is none.
    #[error("'{0}' is not a number that fits here")]
    BadNumber(String),
    /// A range that is none, or lies outside the message's versions.
    #[error("'{0}' is not a range of the message's versions")]
    BadVersions(String),
    /// A type whose name is neither built in nor begins with a capital.
    #[error("'{0}' is not a type")]
    BadType(String),
    /// An indentation that is no step of two blanks, or deeper than the line before allows.
    #[error("the indentation does not fit the line before")]
    BadIndentation,
    /// A default that the type cannot have.
    #[error("'{0}' cannot be a default of this type")]
    BadDefault(String),
    /// A struct that is not defined in the message, or twice in the file.
    #[error("struct '{0}' is not defined exactly once")]
    BadStruct(String),
}

/// Reads a whole file.
///
/// # Errors
/// [`ParseError`] for the first line that does not fit the format.
pub fn parse(text: &str) -> Result<File, ParseError> {
    let mut lines = text.lines().zip(1..).map(|(text, number)| Line { text, number }).peekable();
    let mut notes = Vec::new();
    while let Some(line) = lines.next_if(|line| line.text.starts_with('#')) {
        notes.push(line.text.trim_start_matches('#').trim().to_owned());
    }
    let (kind, code, name) = opening(lines.next().unwrap_or(Line { text: "", number: 1 }))?;
    let mut file = File { notes, kind, name, code, listeners: Vec::new(), messages: Vec::new() };
    while let Some(line) = lines.next() {
        if line.text.trim().is_empty() {
            continue;
        }
        let words: Vec<&str> = line.text.split_whitespace().collect();
        match words.as_slice() {
            ["listeners", names @ ..] if file.messages.is_empty() => {
                file.listeners = names.iter().map(|name| (*name).to_owned()).collect();
            }
            ["struct", name] if line.depth() == Some(0) => {
                let message = file.messages.last_mut().ok_or_else(|| line.unexpected())?;
                let fields = fields(&mut lines, message.versions, 1)?;
                message.structs.push(Struct { name: (*name).to_owned(), fields });
            }
            [word, rest @ ..] if line.depth() == Some(0) => {
                let role = Role::ALL.into_iter().find(|role| role.word() == *word);
                let role = role.ok_or_else(|| line.unexpected())?;
                file.messages.push(message(line, role, rest, &mut lines)?);
            }
            _ => return Err(line.error(Problem::BadIndentation)),
        }
    }
    check_structs(&file)?;
    Ok(file)
}

#[derive(Clone, Copy)]
struct Line<'t> {
    text: &'t str,
    number: usize,
}

impl Line<'_> {
    fn error(self, problem: Problem) -> ParseError {
        ParseError { line: self.number, problem }
    }

    fn unexpected(self) -> ParseError {
        self.error(Problem::Unexpected(self.text.trim().to_owned()))
    }

    /// Steps of two blanks; `None` for something in between.
    fn depth(self) -> Option<usize> {
        let blanks = self.text.len() - self.text.trim_start_matches(' ').len();
        blanks.is_multiple_of(2).then_some(blanks / 2)
    }
}

type Lines<'t, I> = std::iter::Peekable<I>;

fn opening(line: Line<'_>) -> Result<(Kind, i16, String), ParseError> {
    let words: Vec<&str> = line.text.split_whitespace().collect();
    let [word, code, name] = words.as_slice() else { return Err(line.error(Problem::NoOpening)) };
    let kind = match *word {
        "api" => Kind::Api,
        "record" => Kind::Record,
        _ => return Err(line.error(Problem::NoOpening)),
    };
    Ok((kind, number(line, code)?, (*name).to_owned()))
}

fn message<'t, I: Iterator<Item = Line<'t>>>(
    line: Line<'t>,
    role: Role,
    words: &[&str],
    lines: &mut Lines<'t, I>,
) -> Result<Message, ParseError> {
    let (range, flexible) = match words {
        [range] => (range, None),
        [range, "flexible", first] => {
            let first = first.strip_suffix('+').ok_or_else(|| line.error(Problem::BadVersions((*first).to_owned())))?;
            (range, Some(number(line, first)?))
        }
        _ => return Err(line.unexpected()),
    };
    let versions = versions(line, range, Versions { first: 0, last: i16::MAX })?;
    Ok(Message { role, versions, flexible, fields: fields(lines, versions, 1)?, structs: Vec::new() })
}

/// The fields at `depth`, up to the first line that stands less deep.
fn fields<'t, I: Iterator<Item = Line<'t>>>(
    lines: &mut Lines<'t, I>,
    of: Versions,
    depth: usize,
) -> Result<Vec<Field>, ParseError> {
    let mut fields = Vec::new();
    while let Some(line) = lines.next_if(|line| !line.text.trim().is_empty() && line.depth() >= Some(depth)) {
        if line.depth() != Some(depth) {
            return Err(line.error(Problem::BadIndentation));
        }
        let mut field = field(line, of)?;
        field.fields = self::fields(lines, of, depth + 1)?;
        if !field.fields.is_empty() && field.kind.struct_name().is_none() {
            return Err(line.error(Problem::BadIndentation));
        }
        fields.push(field);
    }
    Ok(fields)
}

fn field(line: Line<'_>, of: Versions) -> Result<Field, ParseError> {
    let (text, note) = match line.text.split_once('#') {
        Some((text, note)) => (text, Some(note.trim().to_owned())),
        None => (line.text, None),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, kind, range, rest @ ..] = words.as_slice() else { return Err(line.unexpected()) };
    let name = name.strip_suffix(':').ok_or_else(|| line.unexpected())?.to_owned();
    let (kind, always_nullable) = match kind.strip_suffix('?') {
        Some(kind) => (kind, true),
        None => (*kind, false),
    };
    let kind = parse_type(line, kind)?;
    let versions = versions(line, range, of)?;
    let nullable = always_nullable.then_some(versions);
    let mut field =
        Field { name, kind, versions, nullable, default: None, tag: None, ignorable: false, fields: Vec::new(), note };
    attributes(line, rest, of, &mut field)?;
    Ok(field)
}

fn attributes(line: Line<'_>, words: &[&str], of: Versions, field: &mut Field) -> Result<(), ParseError> {
    match words {
        [] => Ok(()),
        ["ignorable", rest @ ..] => {
            field.ignorable = true;
            attributes(line, rest, of, field)
        }
        ["tag", tag, rest @ ..] => {
            field.tag = Some(number(line, tag)?);
            attributes(line, rest, of, field)
        }
        ["nullable", range, rest @ ..] => {
            field.nullable = Some(versions(line, range, of)?);
            attributes(line, rest, of, field)
        }
        ["=", value, rest @ ..] => {
            field.default = Some(default(line, value, field)?);
            attributes(line, rest, of, field)
        }
        _ => Err(line.unexpected()),
    }
}

fn default(line: Line<'_>, value: &str, field: &Field) -> Result<Default, ParseError> {
    let bad = || line.error(Problem::BadDefault(value.to_owned()));
    match (value, &field.kind) {
        ("null", _) if field.is_nullable() => Ok(Default::Null),
        ("zero", _) if field.is_nullable() => Ok(Default::Zero),
        ("true", Type::Scalar(Scalar::Bool)) => Ok(Default::Boolean(true)),
        ("false", Type::Scalar(Scalar::Bool)) => Ok(Default::Boolean(false)),
        (_, Type::Scalar(Scalar::Bool | Scalar::Uuid | Scalar::Float64)) => Err(bad()),
        (_, Type::Scalar(_)) => value.parse().map(Default::Integer).map_err(|_| bad()),
        _ => Err(bad()),
    }
}

fn parse_type(line: Line<'_>, word: &str) -> Result<Type, ParseError> {
    if let Some(element) = word.strip_prefix("[]") {
        return Ok(Type::Array(Box::new(parse_type(line, element)?)));
    }
    if let Some(scalar) = Scalar::ALL.into_iter().find(|scalar| scalar.word() == word) {
        return Ok(Type::Scalar(scalar));
    }
    match word {
        "string" => Ok(Type::String),
        "bytes" => Ok(Type::Bytes),
        "records" => Ok(Type::Records),
        _ if word.starts_with(|first: char| first.is_ascii_uppercase()) => Ok(Type::Struct(word.to_owned())),
        _ => Err(line.error(Problem::BadType(word.to_owned()))),
    }
}

/// `3`, `3-7` or `3+`, inside `of`.
fn versions(line: Line<'_>, word: &str, of: Versions) -> Result<Versions, ParseError> {
    let (first, last) = match (word.strip_suffix('+'), word.split_once('-')) {
        (Some(first), _) => (number(line, first)?, of.last),
        (None, Some((first, last))) => (number(line, first)?, number(line, last)?),
        (None, None) => (number(line, word)?, number(line, word)?),
    };
    if first > last || !of.contains(first) || !of.contains(last) {
        return Err(line.error(Problem::BadVersions(word.to_owned())));
    }
    Ok(Versions { first, last })
}

fn number<N: std::str::FromStr>(line: Line<'_>, word: &str) -> Result<N, ParseError> {
    word.parse().map_err(|_| line.error(Problem::BadNumber(word.to_owned())))
}

/// Struct names become Rust types of one module, so a file defines each once.
fn check_structs(file: &File) -> Result<(), ParseError> {
    let mut seen: Vec<&str> = Vec::new();
    for message in &file.messages {
        let (mut defined, mut used) = (Vec::new(), Vec::new());
        for common in &message.structs {
            defined.push(common.name.as_str());
            collect(&common.fields, &mut defined, &mut used);
        }
        collect(&message.fields, &mut defined, &mut used);
        let missing = used.iter().find(|name| !defined.contains(name));
        let twice = defined
            .iter()
            .enumerate()
            .find(|(place, name)| seen.contains(name) || defined.iter().take(*place).any(|earlier| earlier == *name));
        if let Some(name) = missing.or(twice.map(|(_, name)| name)) {
            return Err(ParseError { line: 1, problem: Problem::BadStruct((*name).to_owned()) });
        }
        seen.extend(defined);
    }
    Ok(())
}

fn collect<'f>(fields: &'f [Field], defined: &mut Vec<&'f str>, used: &mut Vec<&'f str>) {
    for field in fields {
        if let Some(name) = field.kind.struct_name() {
            let list = if field.fields.is_empty() { &mut *used } else { &mut *defined };
            list.push(name);
        }
        collect(&field.fields, defined, used);
    }
}
