//! Reads the message definitions in `protocol/schema` for the tests' own codec. It shares no code with the generator that makes
//! our codecs from the same text, so that a mistake there shows here, and a mistake in the text shows at the real Kafka.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) code: i16,
    pub(crate) request: Message,
    pub(crate) response: Message,
}

#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) versions: Versions,
    pub(crate) flexible: Versions,
    pub(crate) fields: Vec<Field>,
    pub(crate) structs: BTreeMap<String, Vec<Field>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// A built-in type's name, or a struct's.
    pub(crate) kind: String,
    pub(crate) array: bool,
    pub(crate) versions: Versions,
    pub(crate) nullable: Versions,
    pub(crate) default: Option<String>,
    pub(crate) tag: Option<u32>,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Versions {
    pub(crate) first: i16,
    pub(crate) last: i16,
}

impl Default for Versions {
    fn default() -> Self {
        Self { first: 0, last: -1 }
    }
}

impl Versions {
    pub(crate) fn holds(self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }

    fn parse(text: &str) -> Self {
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("'{text}' is no version"));
        if let Some(first) = text.strip_suffix('+') {
            return Self { first: number(first), last: i16::MAX };
        }
        match text.split_once('-') {
            Some((first, last)) => Self { first: number(first), last: number(last) },
            None => Self { first: number(text), last: number(text) },
        }
    }
}

/// The definition of an API by Kafka's name for it, as `ListOffsets`.
pub(crate) fn api(name: &str) -> &'static Api {
    apis().get(name).unwrap_or_else(|| panic!("no API is called {name}"))
}

fn apis() -> &'static BTreeMap<String, Api> {
    static APIS: OnceLock<BTreeMap<String, Api>> = OnceLock::new();
    APIS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol/schema");
        let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        files
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .filter(|text| text.lines().any(|line| line.starts_with("api ")))
            .map(|text| parse(&text))
            .collect()
    })
}

fn parse(text: &str) -> (String, Api) {
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    lines.reverse();
    let opening: Vec<&str> = lines.pop().unwrap().split_whitespace().collect();
    let (mut messages, mut name) = (BTreeMap::<String, Message>::new(), String::new());
    while let Some(line) = lines.pop() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["listeners", ..] => {}
            ["struct", of] => {
                let fields = fields(&mut lines, 2);
                messages.get_mut(&name).unwrap().structs.insert((*of).to_owned(), fields);
            }
            [role, versions, rest @ ..] => {
                name.replace_range(.., role);
                let flexible = rest.last().map(|first| Versions::parse(first)).unwrap_or_default();
                let versions = Versions::parse(versions);
                let message = Message { versions, flexible, fields: fields(&mut lines, 2), structs: BTreeMap::new() };
                messages.insert(name.clone(), message);
            }
            _ => panic!("'{line}' means nothing"),
        }
    }
    let mut take = |role: &str| messages.remove(role).unwrap_or_default();
    (
        opening[2].to_owned(),
        Api { code: opening[1].parse().unwrap(), request: take("request"), response: take("response") },
    )
}

/// The fields at this indentation, up to the first line that stands less deep; `lines` has the next line last.
fn fields(lines: &mut Vec<&str>, indentation: usize) -> Vec<Field> {
    let mut fields = Vec::new();
    while let Some(line) = lines.last()
        && line.len() - line.trim_start().len() == indentation
    {
        let mut field = field(line);
        lines.pop();
        field.fields = self::fields(lines, indentation + 2);
        fields.push(field);
    }
    fields
}

fn field(line: &str) -> Field {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap().trim_end_matches(':').to_owned();
    let kind = words.next().unwrap();
    let versions = Versions::parse(words.next().unwrap());
    let nullable = if kind.ends_with('?') { versions } else { Versions::default() };
    let kind = kind.trim_end_matches('?');
    let mut field = Field {
        name,
        kind: kind.trim_start_matches("[]").to_owned(),
        array: kind.starts_with("[]"),
        versions,
        nullable,
        default: None,
        tag: None,
        fields: Vec::new(),
    };
    while let Some(word) = words.next() {
        match word {
            "nullable" => field.nullable = Versions::parse(words.next().unwrap()),
            "tag" => field.tag = Some(words.next().unwrap().parse().unwrap()),
            "=" => field.default = words.next().map(str::to_owned),
            "ignorable" => {}
            _ => panic!("'{word}' means nothing in '{line}'"),
        }
    }
    field
}
