//! Why a write was not done: its own error, or the database's.

use crate::store::StoreError;

/// Why a job was not done.
pub(super) enum Failure<E> {
    /// Its own error: the other jobs of its transaction continue.
    Refused(E),
    /// The database's error: the transaction is over.
    Database(sqlx::Error),
}

impl<E: From<StoreError>> From<sqlx::Error> for Failure<E> {
    fn from(error: sqlx::Error) -> Self {
        // SQLITE_CONSTRAINT, in the low byte of every extended code of its kind, undoes the statement only.
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<i64>().ok());
        if code.is_some_and(|code| code & 0xff == 19) {
            let what = "a row to be written".to_owned();
            return Self::Refused(StoreError::Corrupt { what, why: error.to_string() }.into());
        }
        Self::Database(error)
    }
}

impl<E: From<StoreError>> From<StoreError> for Failure<E> {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}
