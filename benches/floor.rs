//! The least that a client of PostgreSQL can do: connect over TCP, log in without a password, send a query, read its
//! answer, say goodbye. Each FILE is one query, in one session; without files it is `select 1`.
//! Usage: floor HOST:PORT ROLE DATABASE [FILE…] [-- CMD [ARG…]]   (CMD replaces the process at the end)

use std::io::{Error, Read, Result, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Reads messages up to ReadyForQuery; an ErrorResponse, or a request for a password, ends the program.
fn until_ready(stream: &mut impl Read) -> Result<()> {
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head)?;
        let mut body = vec![0; u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4];
        stream.read_exact(&mut body)?;
        match head[0] {
            b'Z' => return Ok(()),
            b'E' => return Err(Error::other(String::from_utf8_lossy(&body).replace('\0', " "))),
            b'R' if body != [0; 4] => return Err(Error::other("the server wants a password")),
            _ => {}
        }
    }
}

/// A message with its length, and with its type before that if it has one.
fn message(kind: &[u8], body: &[u8]) -> Result<Vec<u8>> {
    let size = u32::try_from(body.len() + 4).map_err(Error::other)?;
    Ok([kind, &size.to_be_bytes(), body].concat())
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let [server, role, database, files @ ..] = &words[..end] else {
        return Err(Error::other("HOST:PORT ROLE DATABASE"));
    };
    let stream = std::net::TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    let (mut answers, mut stream) = (std::io::BufReader::new(stream.try_clone()?), stream);
    stream.write_all(&message(b"", format!("\0\x03\0\0user\0{role}\0database\0{database}\0\0").as_bytes())?)?;
    until_ready(&mut answers)?;
    let mut query = |text: &str| stream.write_all(&message(b"Q", format!("{text}\0").as_bytes())?);
    for file in files {
        query(&std::fs::read_to_string(file)?)?;
        until_ready(&mut answers)?;
    }
    if files.is_empty() {
        query("select 1")?;
        until_ready(&mut answers)?;
    }
    stream.write_all(&message(b"X", b"")?)?;
    match &words[end..] {
        [_, command, arguments @ ..] => Err(Command::new(command).args(arguments).exec()),
        _ => Ok(()),
    }
}
