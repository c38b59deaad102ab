//! Tokens to blocks. The language is line-oriented, and so is the parser: it reports a line that it cannot parse, and
//! goes on with the next one, so that one run reports all of them.
//!
//! Prisma: `psl/schema-ast/src/parser/datamodel.pest`. Messages name the usual slips (`name: Type`, `[Type]`, `Type!`).

use crate::catalog::Arity;
use crate::schema_source::prisma::lexer::{Lexer, PrismaToken};
use crate::schema_source::prisma::syntax::{
    Argument, Attribute, Block, BlockKind, Expression, ExpressionKind, FieldSyntax, Identifier, TypeName,
};
use crate::schema_source::prisma::{LONGEST_NAME, Position, Problem};

/// How deep expressions may nest, so that recursion cannot overflow the stack. No attribute uses more than two levels.
const DEPTH: usize = 16;

/// The rest of a line cannot be parsed; the problem is already noted.
struct Abandoned;

type Parsed<T> = Result<T, Abandoned>;

/// The blocks of a file; adds what is wrong to `problems`.
pub(crate) fn parse<'a>(text: &'a str, file: usize, problems: &mut Vec<Problem>) -> Vec<Block<'a>> {
    let mut lexer = Lexer::new(text, file);
    let (token, position) = lexer.next();
    let mut parser = Parser { lexer, token, position, is_first: true, spans_lines: false, problems };
    let mut blocks = Vec::new();
    loop {
        match &parser.token {
            PrismaToken::End => return blocks,
            PrismaToken::Newline => parser.advance(),
            _ => match parser.block() {
                Ok(block) => blocks.push(block),
                Err(Abandoned) => parser.skip_line(),
            },
        }
    }
}

struct Parser<'a, 'b> {
    lexer: Lexer<'a>,
    token: PrismaToken<'a>,
    position: Position,
    /// The token is the first of its line.
    is_first: bool,
    /// A list of this line went on in the next line, and that was reported.
    spans_lines: bool,
    problems: &'b mut Vec<Problem>,
}

impl<'a> Parser<'a, '_> {
    fn advance(&mut self) {
        self.is_first = matches!(self.token, PrismaToken::Newline);
        (self.token, self.position) = self.lexer.next();
    }

    /// Skips to the end of this line.
    fn skip_line(&mut self) {
        if !matches!(self.token, PrismaToken::Newline | PrismaToken::End) {
            self.lexer.skip_line();
            self.advance();
        }
    }

    fn wrong<T>(&mut self, message: impl Into<String>) -> Parsed<T> {
        self.problems.push(Problem { position: self.position, message: message.into() });
        Err(Abandoned)
    }

    /// Reports the current token.
    fn unexpected<T>(&mut self, wanted: &str) -> Parsed<T> {
        match &self.token {
            PrismaToken::Bad(why) => {
                let why = format!("unexpected: {why}");
                self.wrong(why)
            }
            token => {
                let message = format!("{wanted} is expected here, not {token}");
                self.wrong(message)
            }
        }
    }

    fn is(&self, sign: char) -> bool {
        matches!(self.token, PrismaToken::Sign(it) if it == sign)
    }

    /// Consumes this sign, if it is the current token.
    fn took(&mut self, sign: char) -> bool {
        let found = self.is(sign);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, sign: char) -> Parsed<()> {
        match self.took(sign) {
            true => Ok(()),
            false => self.unexpected(&format!("`{sign}`")),
        }
    }

    /// A name. Digits alone count as one here.
    fn word(&mut self, wanted: &str) -> Parsed<Identifier<'a>> {
        match self.token {
            PrismaToken::Word(text) | PrismaToken::Number(text) => {
                let word = Identifier { text: text.into(), position: self.position };
                self.advance();
                Ok(word)
            }
            _ => self.unexpected(wanted),
        }
    }

    /// A name with the parts that follow it: `db.VarChar`.
    fn dotted(&mut self, mut name: Identifier<'a>, wanted: &str) -> Parsed<Identifier<'a>> {
        while self.took('.') {
            let part = self.word(wanted)?;
            let text = name.text.to_mut();
            text.push('.');
            text.push_str(&part.text);
            if name.text.len() > LONGEST_NAME {
                return self.wrong(format!("the name before this has more than {LONGEST_NAME} bytes"));
            }
        }
        Ok(name)
    }

    /// `keyword name {`. Prisma ignores what follows the brace on its line, and so does this parser.
    fn block(&mut self) -> Parsed<Block<'a>> {
        let wanted = "a block such as `model Name {`";
        if self.is('}') {
            return self.wrong("this `}` does not close any block");
        }
        let keyword = self.word(wanted)?;
        let Some(kind) = BlockKind::of(&keyword.text) else {
            let message = format!(
                "`{}` is not a kind of block; there are model, view, enum, type, datasource and generator",
                keyword.text
            );
            self.problems.push(Problem { position: keyword.position, message });
            self.skip_unknown();
            return Err(Abandoned);
        };
        let name = self.word("the block's name")?;
        if kind == BlockKind::Type && self.is('=') {
            return self.wrong("type aliases do not exist; write the type where it is used");
        }
        if !self.is('{') {
            return self.unexpected("`{`");
        }
        self.lexer.skip_line();
        self.advance();
        let block = Block { kind, name, fields: Vec::new(), attributes: Vec::new(), settings: Vec::new() };
        let mut block = self.body(block);
        // A list that grew has room for up to twice as many.
        block.fields.shrink_to_fit();
        Ok(block)
    }

    /// Skips the body of a block of unknown kind, up to the line with its `}`.
    fn skip_unknown(&mut self) {
        while !matches!(self.token, PrismaToken::Newline | PrismaToken::End | PrismaToken::Sign('{')) {
            self.advance();
        }
        if !self.is('{') {
            return;
        }
        self.skip_line();
        while self.token != PrismaToken::End {
            self.advance();
            if self.is('}') {
                return;
            }
            self.skip_line();
        }
    }

    fn body(&mut self, mut block: Block<'a>) -> Block<'a> {
        loop {
            match &self.token {
                PrismaToken::Newline => self.advance(),
                PrismaToken::Sign('}') => {
                    self.advance();
                    return block;
                }
                PrismaToken::End => {
                    let message = format!("`{}` is not closed; write `}}` on a line of its own", block.name.text);
                    self.problems.push(Problem { position: self.position, message });
                    return block;
                }
                _ if self.begins_block() => {
                    let message = format!(
                        "`{}` is not closed before this block; write `}}` on a line of its own, and each field on a \
                         line of its own",
                        block.name.text
                    );
                    self.problems.push(Problem { position: self.position, message });
                    return block;
                }
                _ => {
                    let start = self.position;
                    self.spans_lines = false;
                    // A list that went over several lines may have stopped at the first token of a later line: parse
                    // that line, do not skip it.
                    if self.line(&mut block).is_err() && (!self.spans_lines || self.position == start || !self.is_first)
                    {
                        self.skip_line();
                    }
                }
            }
        }
    }

    /// Whether this line is `model Name {`. Looks at three tokens.
    fn begins_block(&self) -> bool {
        let PrismaToken::Word(keyword) = &self.token else { return false };
        let mut ahead = self.lexer.clone();
        BlockKind::of(keyword).is_some()
            && matches!(ahead.next().0, PrismaToken::Word(_))
            && matches!(ahead.next().0, PrismaToken::Sign('{'))
    }

    /// A line of a block.
    fn line(&mut self, block: &mut Block<'a>) -> Parsed<()> {
        if self.token == PrismaToken::AtAt {
            if block.kind.has_settings() {
                return self.wrong("this block has no attributes");
            }
            let attribute = self.attribute()?;
            self.end_of_line()?;
            block.attributes.push(attribute);
            return Ok(());
        }
        if self.token == PrismaToken::At {
            return self.wrong("a field's attributes are on the line of the field");
        }
        if block.kind.has_settings() {
            let key = self.word("a key, as in `provider = \"postgresql\"`")?;
            self.expect('=')?;
            let value = match self.token {
                PrismaToken::Newline => None,
                _ => Some(self.value(0)?),
            };
            self.end_of_line()?;
            block.settings.push((key, value));
            return Ok(());
        }
        let name = self.word("a field, an attribute that begins with `@@`, or `}`")?;
        let kind = match block.kind {
            BlockKind::Enum => None,
            _ => Some(self.type_name()?),
        };
        let mut field = FieldSyntax { name, kind, attributes: Vec::new() };
        while self.token == PrismaToken::At {
            field.attributes.push(self.attribute()?);
        }
        self.end_of_line()?;
        block.fields.push(field);
        Ok(())
    }

    fn end_of_line(&mut self) -> Parsed<()> {
        match &self.token {
            PrismaToken::Newline | PrismaToken::End => Ok(()),
            PrismaToken::Sign('}') => self.wrong("`}` must be on a line of its own"),
            PrismaToken::AtAt => {
                self.wrong("`@@` begins an attribute of the whole block; it must be on a line of its own")
            }
            _ => self.unexpected("the end of the line"),
        }
    }

    fn type_name(&mut self) -> Parsed<TypeName<'a>> {
        match self.token {
            PrismaToken::Sign(':') => return self.wrong("a field is `name Type`, without a colon"),
            PrismaToken::Sign('[') => return self.wrong("a list is written `Type[]`"),
            _ => {}
        }
        let name = self.word("the field's type")?;
        let mut unsupported = None;
        if name.text == "Unsupported" && self.took('(') {
            let PrismaToken::Text(text) = &mut self.token else { return self.unexpected("the type's name in quotes") };
            unsupported = Some(std::mem::take(text));
            self.advance();
            self.expect(')')?;
        }
        let mut arity = Arity::Required;
        if self.took('[') {
            self.expect(']')?;
            arity = Arity::List;
        }
        if self.is('!') {
            return self.wrong("a field is required unless its type ends in `?`; leave the `!` out");
        }
        if self.is('?') {
            if arity == Arity::List {
                return self.wrong("a list cannot be optional; an empty list says the same");
            }
            self.advance();
            arity = Arity::Optional;
        }
        Ok(TypeName { name, unsupported, arity })
    }

    /// `@name.name(…)`, from its `@` or `@@`.
    fn attribute(&mut self) -> Parsed<Attribute<'a>> {
        self.advance();
        let name = self.word("the attribute's name")?;
        let name = self.dotted(name, "the name of a native type")?;
        let arguments = match self.is('(') {
            true => self.arguments(0)?,
            false => Vec::new(),
        };
        Ok(Attribute { name, arguments })
    }

    /// `(…)`
    fn arguments(&mut self, depth: usize) -> Parsed<Vec<Argument<'a>>> {
        self.separated('(', ')', |parser| parser.argument(depth))
    }

    fn argument(&mut self, depth: usize) -> Parsed<Argument<'a>> {
        let value = self.value(depth)?;
        if !self.took(':') {
            return Ok(Argument { name: None, value });
        }
        match value.kind {
            ExpressionKind::Constant(text) => {
                let name = Identifier { text, position: value.position };
                Ok(Argument { name: Some(name), value: self.value(depth)? })
            }
            _ => self.wrong("only an argument's name can be before a colon"),
        }
    }

    /// A list between signs. Prisma lets it neither span lines nor end in a comma.
    fn separated<T>(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        self.expect(open)?;
        let mut items = Vec::new();
        if self.took(close) {
            return Ok(items);
        }
        loop {
            self.same_line(close)?;
            if self.took(close) {
                return Ok(items);
            }
            items.push(item(self)?);
            self.same_line(close)?;
            if self.took(close) {
                return Ok(items);
            }
            if !self.took(',') {
                return self.unexpected(&format!("`,` or `{close}`"));
            }
            if self.is(close) {
                return self.wrong(format!("leave out the comma before `{close}`"));
            }
        }
    }

    /// Reports a list that goes on in the next line, and parses on there, so that it is reported once.
    fn same_line(&mut self, close: char) -> Parsed<()> {
        if self.token != PrismaToken::Newline {
            return Ok(());
        }
        if !std::mem::replace(&mut self.spans_lines, true) {
            let message = format!("`{close}` is missing: in Prisma an attribute or a value is on one line");
            self.problems.push(Problem { position: self.position, message });
        }
        while self.token == PrismaToken::Newline {
            self.advance();
        }
        match self.token {
            PrismaToken::Sign('}') if close != '}' => Err(Abandoned),
            PrismaToken::At | PrismaToken::AtAt | PrismaToken::End => Err(Abandoned),
            _ => Ok(()),
        }
    }

    fn value(&mut self, depth: usize) -> Parsed<Expression<'a>> {
        if depth > DEPTH {
            return self.wrong("this is nested too deeply");
        }
        let position = self.position;
        let kind = match &mut self.token {
            PrismaToken::Text(text) => ExpressionKind::Text(std::mem::take(text)),
            PrismaToken::Number(text) => ExpressionKind::Number(text),
            PrismaToken::Sign('[') => {
                let items = self.separated('[', ']', |parser| parser.value(depth + 1))?;
                return Ok(Expression { position, kind: ExpressionKind::List(items) });
            }
            PrismaToken::Sign('{') => {
                let items = self.separated('{', '}', |parser| {
                    let key = parser.word("a field's name")?;
                    parser.expect(':')?;
                    Ok((key, parser.value(depth + 1)?))
                })?;
                return Ok(Expression { position, kind: ExpressionKind::Object(items) });
            }
            PrismaToken::Word(_) => {
                let name = self.word("a name")?;
                let text = self.dotted(name, "a name")?.text;
                let kind = match self.is('(') {
                    true => ExpressionKind::Call(text, self.arguments(depth + 1)?),
                    false => ExpressionKind::Constant(text),
                };
                return Ok(Expression { position, kind });
            }
            _ => return self.unexpected("a value"),
        };
        self.advance();
        Ok(Expression { position, kind })
    }
}
