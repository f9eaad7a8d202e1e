//! As much of HTTP as asking a Connect worker needs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(90);

/// Sends a request; `Err` says why there is no answer, or which status it has but success.
pub(crate) fn request(address: &str, method: &str, path: &str, body: &str) -> Result<Value, String> {
    let answer = exchange(address, method, path, body).map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("no answer but {answer:?}"))?;
    if head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')) {
        serde_json::from_str(body).map_err(|error| format!("{error} in {body}"))
    } else {
        Err(answer)
    }
}

/// By HTTP 1.0, whose answers end with the connection.
fn exchange(address: &str, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
