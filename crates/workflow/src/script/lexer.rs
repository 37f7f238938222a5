//! Splits a script into tokens: words, strings, numbers and signs.

use super::ScriptError;

/// A position in the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Text(String),
    /// A number as it was written, without underscores.
    Number(String),
    Sign(char),
    DoubleStar,
    /// The end of a statement.
    Newline,
    End,
}

impl Token {
    /// Describes the token for a message.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("`{name}`"),
            Self::Text(_) => "a string".to_owned(),
            Self::Number(number) => format!("the number {number}"),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::DoubleStar => "`**`".to_owned(),
            Self::Newline => "the end of the line".to_owned(),
            Self::End => "the end of the script".to_owned(),
        }
    }
}

/// Splits a script into tokens, each with its position; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Position, Token)>, ScriptError> {
    let mut lexer = Lexer {
        rest: text.chars().peekable(),
        at: Position { line: 1, column: 1 },
        depth: 0,
        found: Vec::new(),
    };
    while lexer.next()? {}
    Ok(lexer.found)
}

struct Lexer<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    at: Position,
    /// The number of open brackets; inside them a line break means nothing.
    depth: usize,
    found: Vec<(Position, Token)>,
}

impl Lexer<'_> {
    fn take(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.at = Position { line: self.at.line + 1, column: 1 };
        } else {
            self.at.column += 1;
        }
        Some(c)
    }

    fn take_if(&mut self, wanted: char) -> bool {
        self.rest.peek() == Some(&wanted) && self.take().is_some()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.rest.peek().copied().filter(|c| wanted(*c)) {
            taken.push(c);
            self.take();
        }
        taken
    }

    /// Reads one token; false at the end.
    fn next(&mut self) -> Result<bool, ScriptError> {
        let start = self.at;
        let Some(c) = self.rest.peek().copied() else {
            self.found.push((start, Token::Newline));
            self.found.push((start, Token::End));
            return Ok(false);
        };
        let token = match c {
            '\n' | ';' => {
                self.take();
                if self.depth > 0 && c == '\n' {
                    return Ok(true);
                }
                Token::Newline
            }
            '#' => {
                self.take_while(|c| c != '\n');
                return Ok(true);
            }
            '\\' => {
                self.take();
                self.take_if('\r');
                if !self.take_if('\n') {
                    return Err(ScriptError::new(start, "a backslash outside a string must end its line"));
                }
                return Ok(true);
            }
            c if c.is_whitespace() || c == '\u{feff}' => {
                self.take();
                return Ok(true);
            }
            '"' | '\'' => Token::Text(self.string(start, false)?),
            c if c.is_ascii_digit() || c == '.' && self.digit_follows() => Token::Number(self.number()),
            c if c.is_alphabetic() || c == '_' => self.word(start)?,
            '(' | '[' | '{' => {
                self.depth += 1;
                self.sign()
            }
            ')' | ']' | '}' => {
                self.depth = self.depth.saturating_sub(1);
                self.sign()
            }
            '*' => {
                self.take();
                if self.take_if('*') { Token::DoubleStar } else { Token::Sign('*') }
            }
            ',' | '=' | ':' | '.' | '-' | '+' => self.sign(),
            other => {
                return Err(ScriptError::new(start, format!("`{other}` has no meaning here"))
                    .hint("write one call per line: name = ClassName(input=value)"));
            }
        };
        self.found.push((start, token));
        Ok(true)
    }

    fn sign(&mut self) -> Token {
        Token::Sign(self.take().unwrap_or(' '))
    }

    fn digit_follows(&self) -> bool {
        self.rest.clone().nth(1).is_some_and(|c| c.is_ascii_digit())
    }

    fn word(&mut self, start: Position) -> Result<Token, ScriptError> {
        let word = self.take_while(|c| c.is_alphanumeric() || c == '_');
        if !matches!(self.rest.peek(), Some('"' | '\'')) {
            return Ok(Token::Name(word));
        }
        match word.as_str() {
            "r" | "R" => Ok(Token::Text(self.string(start, true)?)),
            "u" | "U" => Ok(Token::Text(self.string(start, false)?)),
            _ => Err(ScriptError::new(start, format!("strings with the prefix `{word}` are not read"))
                .hint("write the text out as a plain string; nothing is computed")),
        }
    }

    fn number(&mut self) -> String {
        let mut number = String::new();
        while let Some(c) = self.rest.peek().copied() {
            let after_exponent = number.ends_with(['e', 'E']);
            if c.is_ascii_alphanumeric() || c == '.' || after_exponent && matches!(c, '+' | '-') {
                number.push(c);
            } else if c != '_' {
                break;
            }
            self.take();
        }
        number
    }

    fn string(&mut self, start: Position, raw: bool) -> Result<String, ScriptError> {
        let Some(quote) = self.take() else { return Ok(String::new()) };
        let long = {
            let mut ahead = self.rest.clone();
            ahead.next() == Some(quote) && ahead.next() == Some(quote)
        };
        if long {
            self.take();
            self.take();
        }
        let mut text = String::new();
        loop {
            let at = self.at;
            match self.take() {
                None => break,
                Some('\n') if !long => break,
                Some(c) if c == quote => {
                    if !long {
                        return Ok(text);
                    }
                    let mut ahead = self.rest.clone();
                    if ahead.next() == Some(quote) && ahead.next() == Some(quote) {
                        self.take();
                        self.take();
                        return Ok(text);
                    }
                    text.push(c);
                }
                Some('\\') if raw => {
                    text.push('\\');
                    text.extend(self.take());
                }
                Some('\\') => self.escape(at, &mut text)?,
                Some(c) => text.push(c),
            }
        }
        let end = if long { format!("{quote}{quote}{quote}") } else { quote.to_string() };
        Err(ScriptError::new(start, format!("this string has no end; close it with {end}")))
    }

    fn escape(&mut self, at: Position, text: &mut String) -> Result<(), ScriptError> {
        let Some(c) = self.take() else { return Ok(()) };
        let plain = match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'v' => '\u{b}',
            'a' => '\u{7}',
            '0' => '\0',
            '\\' | '"' | '\'' | '/' => c,
            '\n' => return Ok(()),
            'x' => self.code(at, 2)?,
            'u' => self.code(at, 4)?,
            'U' => self.code(at, 8)?,
            other => {
                text.push('\\');
                other
            }
        };
        text.push(plain);
        Ok(())
    }

    fn code(&mut self, at: Position, digits: usize) -> Result<char, ScriptError> {
        let wrong =
            || ScriptError::new(at, format!("this escape needs {digits} hexadecimal digits of a character"));
        let first = self.hex(digits).ok_or_else(wrong)?;
        // JSON writes characters beyond 16 bits as a pair of surrogates.
        if digits == 4 && (0xd800..0xdc00).contains(&first) && self.take_if('\\') && self.take_if('u') {
            let second = self.hex(4).filter(|low| (0xdc00..0xe000).contains(low)).ok_or_else(wrong)?;
            let joined = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return char::from_u32(joined).ok_or_else(wrong);
        }
        char::from_u32(first).ok_or_else(wrong)
    }

    fn hex(&mut self, digits: usize) -> Option<u32> {
        (0..digits).try_fold(0u32, |value, _| {
            let digit = self.rest.peek()?.to_digit(16)?;
            self.take();
            value.checked_mul(16)?.checked_add(digit)
        })
    }
}
