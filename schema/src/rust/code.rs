//! Lines of code with their indentation.

/// Code that grows line by line.
pub(super) struct Code {
    text: String,
    depth: usize,
}

impl Code {
    pub(super) const fn new() -> Self {
        Self { text: String::new(), depth: 0 }
    }

    pub(super) fn line(&mut self, line: &str) {
        for _ in 0..self.depth {
            self.text.push_str("    ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A line that opens a block.
    pub(super) fn open(&mut self, line: &str) {
        self.line(&format!("{line} {{"));
        self.depth += 1;
    }

    pub(super) fn close(&mut self) {
        self.close_with("");
    }

    /// Ends a block, and goes on behind the brace.
    pub(super) fn close_with(&mut self, rest: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.line(&format!("}}{rest}"));
    }

    /// Ends a block and opens the next on the same line.
    pub(super) fn turn(&mut self, line: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.open(&format!("}} {line}"));
    }

    /// Code of its own, one step deeper, to be put in with `append`.
    pub(super) fn inner(&self) -> Self {
        Self { text: String::new(), depth: self.depth + 1 }
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.text.push_str(&other.text);
    }

    /// Whether `word` occurs as a word of its own, and not as the name of a field.
    pub(super) fn mentions(&self, word: &str) -> bool {
        let outside = |character: Option<char>| !character.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let field = |character: Option<char>| character == Some('.');
        self.text.match_indices(word).any(|(place, _)| {
            let before = self.text.get(..place).and_then(|text| text.chars().next_back());
            let after = self.text.get(place + word.len()..).and_then(|text| text.chars().next());
            outside(before) && !field(before) && outside(after)
        })
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}
