"""Statuses: every reason why a journal is refused, in the order in which they are looked for."""

from enum import StrEnum


class Status(StrEnum):
    """Why a journal was refused, in order of precedence. The values are stable and may be stored."""

    # The journal's id is booked already, with other content.
    EXISTS_WITH_DIFFERENT_KIND = "exists_with_different_kind"
    EXISTS_WITH_DIFFERENT_HAPPENED_US = "exists_with_different_happened_us"
    EXISTS_WITH_DIFFERENT_SUBJECT = "exists_with_different_subject"
    EXISTS_WITH_DIFFERENT_NOTE = "exists_with_different_note"
    EXISTS_WITH_DIFFERENT_ENTRIES = "exists_with_different_entries"  # not as many
    EXISTS_WITH_DIFFERENT_ENTRY_ID = "exists_with_different_entry_id"
    EXISTS_WITH_DIFFERENT_ENTRY_KIND = "exists_with_different_entry_kind"
    EXISTS_WITH_DIFFERENT_DEBIT = "exists_with_different_debit"
    EXISTS_WITH_DIFFERENT_CREDIT = "exists_with_different_credit"
    EXISTS_WITH_DIFFERENT_AMOUNT = "exists_with_different_amount"
    EXISTS_WITH_DIFFERENT_PENDING_ID = "exists_with_different_pending_id"
    # The journal itself.
    PERIOD_CLOSED = "period_closed"  # it happened in a period that is closed
    # The entry itself.
    ENTRY_ID_TAKEN = "entry_id_taken"  # by another journal, or by an earlier entry of this one
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    ASSETS_DIFFER = "assets_differ"
    ACCOUNTS_SAME = "accounts_same"
    ACCOUNT_DIFFERS = "account_differs"  # from its first use
    ACCOUNT_CLOSED = "account_closed"  # by an operator; what it holds may still be resolved
    # The hold that the entry resolves.
    PENDING_NOT_FOUND = "pending_not_found"
    PENDING_NOT_PENDING = "pending_not_pending"
    PENDING_ALREADY_POSTED = "pending_already_posted"
    PENDING_ALREADY_VOIDED = "pending_already_voided"
    PENDING_ALREADY_EXPIRED = "pending_already_expired"
    EXCEEDS_PENDING = "exceeds_pending"
    # The balances, debit account first.
    EXCEEDS_CREDITS = "exceeds_credits"  # the debit account would fall below zero
    EXCEEDS_DEBITS = "exceeds_debits"  # the credit account would fall below zero
    EXCEEDS_LIMIT = "exceeds_limit"
    OVERFLOW = "overflow"
