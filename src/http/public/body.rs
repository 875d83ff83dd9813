//! Reads the whole body of a request, up to a size and a deadline.

use std::time::Duration;

use actix_web::web;
use futures_util::StreamExt;

/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is larger than the limit.
    TooLarge,
    /// It was interrupted, or came too late.
    Lost,
}

/// The whole body, if it has at most `limit` bytes and arrives in time.
pub(super) async fn read(mut payload: web::Payload, limit: usize) -> Result<Vec<u8>, BodyError> {
    let reading = async {
        let mut body = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| BodyError::Lost)?;
            if body.len() + chunk.len() > limit {
                return Err(BodyError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    tokio::time::timeout(BODY_DEADLINE, reading).await.unwrap_or(Err(BodyError::Lost))
}
