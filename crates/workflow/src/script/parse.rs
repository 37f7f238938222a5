//! Parses a script.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::ScriptError;
use super::lexer::{Position, Token, tokens};
use super::resolve::{Call, Given, Parsed};
use super::words::OWN_ARGUMENTS;
use crate::graph::MAX_NODES;
use crate::{ObjectInfo, nearest};
use comfywarden_error::JsonObject;

/// The deepest nesting of values and calls.
const MAX_DEPTH: usize = 160;

type Result<T> = std::result::Result<T, ScriptError>;

/// Parses a script. The catalogue, if given, is only asked for outputs by name (`x.VAE`);
/// [`super::parse_checked`] also checks the calls against it.
pub fn parse(text: &str, object_info: Option<&ObjectInfo>) -> Result<Parsed> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        calls: Vec::new(),
        names: HashMap::new(),
        object_info,
        depth: 0,
    };
    while parser.peek() != &Token::End {
        parser.statement()?;
    }
    Parsed::new(parser.calls)
}

/// The output or call that a variable stands for.
#[derive(Debug, Clone, Copy)]
struct Variable {
    call: usize,
    output: u32,
    /// True for the only name of its call, which may be asked for other outputs.
    is_only_name: bool,
}

struct Parser<'a> {
    tokens: Vec<(Position, Token)>,
    at: usize,
    calls: Vec<Call>,
    names: HashMap<String, Variable>,
    object_info: Option<&'a ObjectInfo>,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(_, token)| token)
    }

    fn second(&self) -> &Token {
        self.tokens.get(self.at + 1).map_or(&Token::End, |(_, token)| token)
    }

    fn position(&self) -> Position {
        let last = self.tokens.last().map(|(at, _)| *at);
        self.tokens.get(self.at).map(|(at, _)| *at).or(last).unwrap_or(Position { line: 1, column: 1 })
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn take_sign(&mut self, sign: char) -> bool {
        let found = self.peek() == &Token::Sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: char, place: &str) -> Result<()> {
        if self.take_sign(sign) {
            return Ok(());
        }
        Err(ScriptError::new(
            self.position(),
            format!("expected `{sign}` {place}, found {}", self.peek().describe()),
        ))
    }

    fn statement(&mut self) -> Result<()> {
        if self.peek() == &Token::Newline {
            self.at += 1;
            return Ok(());
        }
        let targets = self.targets()?;
        let at = self.position();
        let Token::Name(_) = self.peek() else {
            return Err(ScriptError::new(at, format!("expected a call, found {}", self.peek().describe()))
                .hint("write name = ClassName(input=value)"));
        };
        let call = self.call()?;
        if self.peek() != &Token::Newline {
            return Err(ScriptError::new(
                self.position(),
                format!("expected the end of the line after the call, found {}", self.peek().describe()),
            )
            .hint("write one call per line"));
        }
        let is_only_name = targets.len() == 1;
        for (output, (_, name)) in targets.iter().enumerate().filter(|(_, (_, name))| name != "_") {
            let output = u32::try_from(output).unwrap_or(u32::MAX);
            self.names.insert(name.clone(), Variable { call, output, is_only_name });
        }
        if let Some(call) = self.calls.get_mut(call) {
            call.targets = targets.into_iter().map(|(at, _)| at).collect();
        }
        Ok(())
    }

    /// Parses the names before `=`; none when the statement is a bare call.
    fn targets(&mut self) -> Result<Vec<(Position, String)>> {
        let start = self.at;
        let bracket = self.take_sign('(');
        let mut targets = Vec::new();
        while let Token::Name(name) = self.peek().clone() {
            targets.push((self.position(), name));
            self.at += 1;
            if !self.take_sign(',') {
                break;
            }
        }
        if bracket {
            self.expect(')', "after the names")?;
        }
        if self.take_sign('=') && !targets.is_empty() {
            return Ok(targets);
        }
        if bracket || targets.len() > 1 {
            return Err(ScriptError::new(
                self.position(),
                format!("expected `=`, found {}", self.peek().describe()),
            ));
        }
        self.at = start;
        Ok(Vec::new())
    }

    /// Parses a call; returns its index.
    fn call(&mut self) -> Result<usize> {
        let at = self.position();
        let Token::Name(name) = self.take() else {
            return Err(ScriptError::new(at, "expected a class name"));
        };
        if !self.take_sign('(') {
            return Err(ScriptError::new(at, format!("`{name}` is not called; a node is a call"))
                .hint(format!("write {name}(…)")));
        }
        let mut call = Call::new(at, name);
        if call.class_type == "node" {
            let at = self.position();
            let Token::Text(class_type) = self.take() else {
                return Err(ScriptError::new(at, "`node` takes the class name first, as a string")
                    .hint("write node(\"Class Name\", input=value)"));
            };
            call.class_type = class_type;
            if self.peek() != &Token::Sign(')') {
                self.expect(',', "after the class name")?;
            }
        }
        self.enter(at)?;
        while !self.take_sign(')') {
            self.argument(&mut call)?;
            if !self.take_sign(',') {
                self.expect(')', "or `,` after an argument")?;
                break;
            }
        }
        self.depth -= 1;
        if self.calls.len() >= MAX_NODES {
            return Err(ScriptError::new(at, format!("more than {MAX_NODES} nodes")));
        }
        self.calls.push(call);
        Ok(self.calls.len() - 1)
    }

    fn enter(&mut self, at: Position) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ScriptError::new(at, format!("nested more than {MAX_DEPTH} deep")));
        }
        Ok(())
    }

    fn argument(&mut self, call: &mut Call) -> Result<()> {
        let at = self.position();
        if self.peek() == &Token::DoubleStar {
            self.at += 1;
            self.expect('{', "after `**`")?;
            return self.pairs(|parser, at, key| {
                let value = parser.value()?;
                call.give(at, key, value)
            });
        }
        let (Token::Name(_), Token::Sign('=' | '.')) = (self.peek(), self.second()) else {
            return Err(ScriptError::new(
                at,
                format!("inputs are given by name, found {}", self.peek().describe()),
            )
            .hint("write input=value"));
        };
        let Token::Name(mut name) = self.take() else { return Ok(()) };
        while self.take_sign('.') {
            let Token::Name(part) = self.take() else {
                return Err(ScriptError::new(at, "expected a name after `.`"));
            };
            name = format!("{name}.{part}");
        }
        self.expect('=', "after the input's name")?;
        if OWN_ARGUMENTS.contains(&name.as_str()) {
            let value_at = self.position();
            let value = self.value()?;
            return call.describe(&name, at, value_at, value);
        }
        let value = self.value()?;
        call.give(at, name, value)
    }

    /// Parses the entries of a dict after its `{`.
    fn pairs(&mut self, mut each: impl FnMut(&mut Self, Position, String) -> Result<()>) -> Result<()> {
        while !self.take_sign('}') {
            let at = self.position();
            let Token::Text(key) = self.take() else {
                return Err(ScriptError::new(at, "the keys of a dict are strings"));
            };
            self.expect(':', "after the key")?;
            each(self, at, key)?;
            if !self.take_sign(',') {
                self.expect('}', "or `,` after a value")?;
                break;
            }
        }
        Ok(())
    }

    /// Parses a value of an input: a literal, a variable, or a call.
    fn value(&mut self) -> Result<Given> {
        let at = self.position();
        let Token::Name(name) = self.peek().clone() else { return Ok(Given::Plain(self.literal()?)) };
        if constant(&name).is_some() {
            return Ok(Given::Plain(self.literal()?));
        }
        let variable = if self.second() == &Token::Sign('(') {
            self.enter(at)?;
            let call = self.call()?;
            self.depth -= 1;
            Variable { call, output: 0, is_only_name: true }
        } else {
            self.at += 1;
            self.variable(at, &name)?
        };
        let output = self.selected(at, variable)?;
        Ok(Given::Output { call: variable.call, output })
    }

    fn variable(&self, at: Position, name: &str) -> Result<Variable> {
        self.names.get(name).copied().ok_or_else(|| {
            let near = nearest::did_you_mean(name, self.names.keys().map(String::as_str));
            let near = near.map(|text| format!("; {text}")).unwrap_or_default();
            let mut known: Vec<&str> = self.names.keys().map(String::as_str).collect();
            known.sort_unstable();
            ScriptError::new(at, format!("no name `{name}` before this line{near}"))
                .hint(format!("names so far: {}; text stands in quotes", nearest::list(&known, 30)))
        })
    }

    /// Parses `[2]` or `.VAE` after a variable; without it, the output that the variable stands for.
    fn selected(&mut self, at: Position, variable: Variable) -> Result<u32> {
        let place = self.position();
        let one_output_only = || {
            ScriptError::new(place, "this name stands for one output already")
                .hint("unpack the outputs: model, clip, vae = …")
        };
        if self.take_sign('[') {
            let number = match self.take() {
                Token::Number(number) => number.parse().ok(),
                _ => None,
            };
            let Some(output) = number else {
                return Err(ScriptError::new(place, "expected an output number from 0"));
            };
            self.expect(']', "after the output number")?;
            return if variable.is_only_name { Ok(output) } else { Err(one_output_only()) };
        }
        if !self.take_sign('.') {
            return Ok(variable.output);
        }
        let Token::Name(name) = self.take() else {
            return Err(ScriptError::new(place, "expected an output name after `.`"));
        };
        if !variable.is_only_name {
            return Err(one_output_only());
        }
        let class_type =
            self.calls.get(variable.call).map(|call| call.class_type.as_str()).unwrap_or_default();
        let Some(class) = self.object_info.and_then(|catalogue| catalogue.get(class_type)) else {
            return Err(ScriptError::new(
                at,
                format!("the outputs of `{class_type}` are not known by name here"),
            )
            .hint("unpack them by place, or write name[0]"));
        };
        let same = |text: &str| nearest::fold(text) == nearest::fold(&name);
        let found = class.outputs.iter().position(|output| same(&output.name));
        let found = found.or_else(|| class.outputs.iter().position(|output| same(&output.ty)));
        found.and_then(|output| u32::try_from(output).ok()).ok_or_else(|| {
            let names: Vec<&str> = class.outputs.iter().map(|output| output.name.as_str()).collect();
            ScriptError::new(place, format!("`{class_type}` has no output `{name}`"))
                .hint(format!("its outputs: {}", nearest::list(&names, 30)))
        })
    }

    fn literal(&mut self) -> Result<Value> {
        let at = self.position();
        match self.take() {
            Token::Text(mut text) => {
                // Strings side by side are one, as in Python.
                while let Token::Text(more) = self.peek() {
                    text.push_str(more);
                    self.at += 1;
                }
                Ok(Value::String(text))
            }
            Token::Number(number) => read_number(at, &number),
            Token::Sign('-') => match self.take() {
                Token::Number(number) => read_number(at, &format!("-{number}")),
                _ => Err(ScriptError::new(at, "expected a number after `-`")),
            },
            Token::Sign('[') => self.list(at, ']'),
            Token::Sign('(') => self.list(at, ')'),
            Token::Sign('{') => {
                self.enter(at)?;
                let mut map: JsonObject = Map::new();
                self.pairs(|parser, _, key| {
                    let value = parser.literal()?;
                    map.insert(key, value);
                    Ok(())
                })?;
                self.depth -= 1;
                Ok(Value::Object(map))
            }
            Token::Name(name) => constant(&name).ok_or_else(|| {
                ScriptError::new(at, format!("`{name}` cannot stand inside a list or dict"))
                    .hint("only plain values can; feed outputs to inputs directly: input=name")
            }),
            other => Err(ScriptError::new(at, format!("expected a value, found {}", other.describe()))),
        }
    }

    fn list(&mut self, at: Position, end: char) -> Result<Value> {
        self.enter(at)?;
        let mut items = Vec::new();
        while !self.take_sign(end) {
            items.push(self.literal()?);
            if !self.take_sign(',') {
                self.expect(end, "or `,` after a value")?;
                break;
            }
        }
        self.depth -= 1;
        Ok(Value::Array(items))
    }
}

fn constant(name: &str) -> Option<Value> {
    match name {
        "True" | "true" => Some(Value::Bool(true)),
        "False" | "false" => Some(Value::Bool(false)),
        "None" | "null" => Some(Value::Null),
        _ => None,
    }
}

fn read_number(at: Position, text: &str) -> Result<Value> {
    let whole = !text.contains(['.', 'e', 'E']);
    let exact =
        whole.then(|| text.parse::<u64>().map(Value::from).or_else(|_| text.parse::<i64>().map(Value::from)));
    if let Some(Ok(number)) = exact {
        return Ok(number);
    }
    let number = text.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
    number.map(Value::Number).ok_or_else(|| ScriptError::new(at, format!("`{text}` is not a number")))
}
