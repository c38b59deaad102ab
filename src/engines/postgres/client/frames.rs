//! Messages of the PostgreSQL protocol, read within bounds. Every length that a server sends is checked here, before
//! memory is reserved for it, and every sum inside a message by `postgres-protocol`, but for rows, which are read where they are;
//! nothing else reads the socket.
//!
//! What breaks a rule of the protocol is "not PostgreSQL": the same answer as for any other server on that port, and
//! as transient, since a port may be taken over by the right server later.

use bytes::{Buf as _, BytesMut};
use postgres_protocol::message::backend::{ErrorFields, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use fallible_iterator::FallibleIterator as _;

use crate::base::fault::{Class, Fault, Place};
use crate::engines::net::dial::Stream;
use crate::engines::net::tls;
use crate::engines::postgres::sqlstate::{class_of, condition_of};

/// Tag and length, before every message of a server (manual 55.7).
const HEADER: usize = 5;

/// How much is asked of the socket at once.
const READ: usize = 16 * 1024;

/// The longest message that is accepted before the login has succeeded: libpq's `MAX_ERRLEN`.
const BEFORE_LOGIN: usize = 30_000;

/// The longest message that is kept afterwards. Rows and COPY data that no one reads may be longer: they are discarded as they
/// arrive.
const AFTER_LOGIN: usize = 8 * 1024 * 1024;

/// How much of an ErrorResponse or a notice is kept. A script may raise a message of any length.
const TEXT: usize = 64 * 1024;

/// Whether a server may send such a message in answer to a simple query or during login (manual 55.7).
fn is_known(tag: u8) -> bool {
    matches!(tag, b'A' | b'C'..=b'E' | b'G'..=b'I' | b'K' | b'N' | b'R'..=b'T' | b'W' | b'Z' | b'c' | b'd')
}

/// What to do with the rows of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// They are read: each one must fit in [`AFTER_LOGIN`].
    Read,
    /// They are discarded without being held in memory: those of a script.
    Discard,
}

/// One message of the server.
pub(crate) enum Frame {
    /// A message, whole.
    Message(Message),
    /// A row that is to be read: [`Frames::row`] has it.
    Row,
    /// A row, or a piece of a COPY, that was discarded.
    Discarded,
}

/// A row, whole.
pub(crate) enum WholeRow<'a> {
    /// A line of `COPY … TO STDOUT`.
    Copied(&'a [u8]),
    /// The body of a DataRow.
    Data(&'a [u8]),
}

impl WholeRow<'_> {
    /// The length of its message.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Copied(body) | Self::Data(body) => body.len(),
        }
    }
}

/// The values of the body of a DataRow (manual 55.7): how many, then of each its length, or -1 for NULL, and its bytes.
pub(crate) struct RowValues<'a> {
    left: u16,
    rest: &'a [u8],
}

impl<'a> RowValues<'a> {
    /// The values of a body.
    ///
    /// # Errors
    /// [`Class::Unreachable`] where it ends too early.
    pub(crate) fn of(body: &'a [u8]) -> Result<Self, Fault> {
        let (left, rest) = body.split_first_chunk().ok_or_else(ends_early)?;
        Ok(Self { left: u16::from_be_bytes(*left), rest })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        usize::from(self.left)
    }

    /// The next one; NULL is `None`.
    ///
    /// # Errors
    /// As [`RowValues::of`].
    pub(crate) fn next(&mut self) -> Result<Option<&'a [u8]>, Fault> {
        let (length, rest) = self.rest.split_first_chunk().ok_or_else(ends_early)?;
        self.rest = rest;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else { return Ok(None) };
        let (value, rest) = self.rest.split_at_checked(length).ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(Some(value))
    }
}

/// The socket, and what has been read of it but not looked at.
pub(crate) struct Frames {
    stream: Stream,
    buffer: BytesMut,
    /// The longest message that is accepted now.
    limit: usize,
}

impl Frames {
    /// A connection whose login has not begun.
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, buffer: BytesMut::with_capacity(READ), limit: BEFORE_LOGIN }
    }

    /// The login has succeeded: longer messages are accepted.
    pub(crate) fn logged_in(&mut self) {
        self.limit = AFTER_LOGIN;
    }

    /// Sends what `bytes` holds.
    ///
    /// # Errors
    /// [`Class::Unreachable`], or [`Class::Tls`] where the server refused our certificate.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| tls::broken(&error))
    }

    /// The next message, if all of it has been read from the socket: most rows of an answer arrive together.
    ///
    /// # Errors
    /// As [`Frames::next`].
    pub(crate) fn ready(&mut self, rows: Rows) -> Result<Option<Frame>, Fault> {
        let Some((tag, length)) = self.header()?.filter(|(_, length)| self.buffer.len() >= HEADER + length) else {
            return Ok(None);
        };
        if length > TEXT.min(self.limit) || (matches!(tag, b'D' | b'd') && rows == Rows::Read) {
            return Ok(None);
        }
        let mut one = self.buffer.split_to(HEADER + length);
        match tag {
            b'D' | b'd' => Ok(Some(Frame::Discarded)),
            _ => parse(&mut one).map(|message| Some(Frame::Message(message))),
        }
    }

    /// The next message, if it is a row and all of it has been read; it stays there until [`Frames::pass`]. A catalog has thousands,
    /// too many to give each a buffer of its own.
    ///
    /// # Errors
    /// As [`Frames::next`].
    pub(crate) fn row(&self) -> Result<Option<WholeRow<'_>>, Fault> {
        let Some((tag, length)) = self.header()?.filter(|(_, length)| *length <= self.limit) else { return Ok(None) };
        let Some(body) = self.buffer.get(HEADER..HEADER + length) else { return Ok(None) };
        Ok(match tag {
            b'd' => Some(WholeRow::Copied(body)),
            b'D' => Some(WholeRow::Data(body)),
            _ => None,
        })
    }

    /// Takes a row of this length off.
    pub(crate) fn pass(&mut self, length: usize) {
        self.buffer.advance(HEADER + length);
    }

    /// The next message.
    ///
    /// # Errors
    /// [`Class::Unreachable`] where the connection ended, or where this is not PostgreSQL's protocol.
    pub(crate) async fn next(&mut self, rows: Rows) -> Result<Frame, Fault> {
        let (tag, length) = loop {
            match self.header()? {
                Some(header) => break header,
                None => self.fill(HEADER).await?,
            }
        };
        match tag {
            b'D' | b'd' if rows == Rows::Discard => {
                self.discard(HEADER + length).await?;
                Ok(Frame::Discarded)
            }
            b'E' | b'N' if length > TEXT.min(self.limit) => self.cut_text(tag, length).await.map(Frame::Message),
            _ if length > self.limit => Err(too_long(tag, length)),
            b'D' | b'd' => self.fill(HEADER + length).await.map(|()| Frame::Row),
            _ => {
                self.fill(HEADER + length).await?;
                let mut one = self.buffer.split_to(HEADER + length);
                parse(&mut one).map(Frame::Message)
            }
        }
    }

    /// Ends the session (Terminate) and closes the socket; does not wait for the server to close its side, which takes a
    /// backend some milliseconds.
    pub(crate) async fn close(mut self, goodbye: &[u8]) {
        let _ = self.send(goodbye).await;
        let _ = self.stream.shutdown().await;
    }

    /// Tag and length of the next message's body, if the buffer has them; they stay there.
    fn header(&self) -> Result<Option<(u8, usize)>, Fault> {
        let Some(&[tag, ref length @ ..]) = self.buffer.first_chunk::<HEADER>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length);
        if !is_known(tag) {
            return Err(not_postgres(&format!("it sent `{}`", char::from(tag).escape_default())));
        }
        // The length counts itself.
        let length = usize::try_from(length).ok().and_then(|length| length.checked_sub(4));
        length
            .map(|length| Some((tag, length)))
            .ok_or_else(|| not_postgres("it sent a message shorter than its own length"))
    }

    /// Reads until the buffer holds this much.
    async fn fill(&mut self, wanted: usize) -> Result<(), Fault> {
        while self.buffer.len() < wanted {
            self.buffer.reserve(READ);
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return Err(Fault::new(Class::Unreachable, "the server closed the connection")),
                Ok(_) => {}
                Err(error) => return Err(tls::broken(&error)),
            }
        }
        Ok(())
    }

    /// Reads this much and forgets it.
    async fn discard(&mut self, mut count: usize) -> Result<(), Fault> {
        loop {
            let here = count.min(self.buffer.len());
            let _ = self.buffer.split_to(here);
            count -= here;
            if count == 0 {
                return Ok(());
            }
            self.fill(1).await?;
        }
    }

    /// The beginning of an ErrorResponse or a notice whose text is too long to keep.
    async fn cut_text(&mut self, tag: u8, length: usize) -> Result<Message, Fault> {
        let kept = TEXT.min(self.limit);
        self.fill(HEADER + kept).await?;
        let mut one = self.buffer.split_to(HEADER + kept);
        // The field that was cut ends here, and with it the message.
        one.extend_from_slice(b"\0\0");
        let new_length = u32::try_from(one.len() - 1).unwrap_or(u32::MAX);
        one[1..HEADER].copy_from_slice(&new_length.to_be_bytes());
        self.discard(length - kept).await?;
        debug_assert!(tag == one[0]);
        parse(&mut one)
    }
}

fn parse(one: &mut BytesMut) -> Result<Message, Fault> {
    match Message::parse(one) {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(ends_early()),
        Err(error) => Err(not_postgres(&error.to_string())),
    }
}

fn ends_early() -> Fault {
    not_postgres("it sent a message that ends too early")
}

/// What answers is not PostgreSQL, or not its protocol any more.
pub(crate) fn not_postgres(why: &str) -> Fault {
    Fault::new(Class::Unreachable, format!("the server does not speak PostgreSQL's protocol: {why}"))
}

fn too_long(tag: u8, length: usize) -> Fault {
    not_postgres(&format!("it announced a message `{}` of {length} bytes", char::from(tag)))
}

/// An ErrorResponse in doorstep's words (fields: manual 55.8).
pub(crate) fn fault_of(mut fields: ErrorFields<'_>) -> Fault {
    let (mut fault, mut routine) = (Fault::new(Class::Statement, ""), None);
    loop {
        let field = match fields.next() {
            Ok(Some(field)) => field,
            // Code and message are always there (manual 55.8).
            Ok(None) if fault.code.is_some() => {
                let code = fault.code.as_deref().unwrap_or_default();
                fault.class = class_of(code, routine.as_deref());
                fault.condition = condition_of(code, routine.as_deref());
                return fault;
            }
            Ok(None) => return not_postgres("it sent an error without a code"),
            Err(error) => return not_postgres(&error.to_string()),
        };
        let text = || String::from_utf8_lossy(field.value_bytes()).into_owned();
        match field.type_() {
            b'C' => fault.code = Some(text()),
            b'R' => routine = Some(text()),
            b'M' => fault.message = text(),
            b'D' => fault.detail = Some(text()),
            b'H' => fault.hint = Some(text()),
            b'W' => fault.context = Some(text()),
            b'P' => fault.place = text().parse().ok().map(Place::Character),
            _ => {}
        }
    }
}
