"""One patient's record: who it is, who sees the studies, and which account reads the results."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from pages.view import acting, failures, frame, kept, patient_form, words
from services.errors import FalxError, NotFound
from services.records.linking import link_account, unlink_account, waiting_accounts
from services.records.patient_records import (
    PatientView,
    Person,
    colleagues,
    edit_patient,
    share_patient,
    unshare_patient,
)

QUESTION = "Who is this patient?"
SAID, ASKING = "patient_said", "patient_asking"


def page() -> None:
    public_id = st.query_params.get("id", "")
    try:
        if not public_id:
            raise NotFound("This address names no patient. Look in the list of patients.")
        view = kept.patient(public_id)
    except FalxError:
        frame.title(QUESTION)
        raise
    number = f" · {view.record.identifier}" if view.record.identifier else ""
    frame.title(QUESTION, words.plain(f"{view.record.name}{number}"))
    if said := st.session_state.pop(SAID, ""):
        st.success(said, icon=":material/check:")
    left, right = st.columns(2, gap="large")
    with left:
        details(view)
    with right:
        sharing(view)
        account(view)
    asked: PatientView | None = st.session_state.get(ASKING)
    if asked is not None and asked.public_id == view.public_id:
        edit(asked)


def done(what: str, work: Callable[[], None]) -> None:
    """Do it, and draw the page anew with a sentence; an error is drawn where the button stands."""
    try:
        work()
    except FalxError as error:
        failures.show(error)
        return
    ask()
    st.session_state[SAID] = what
    st.rerun()


def details(view: PatientView) -> None:
    record = view.record
    lines = [
        ("Name", record.name), ("Hospital identifier", record.identifier), ("Born", words.day(record.birth_date)),
        ("Sex", record.sex.value),
    ]  # fmt: skip
    if view.held:
        lines += [("Phone", record.phone), ("Mail", record.mail), ("Address", record.address)]
    st.subheader("Record", anchor=False)
    st.table(
        {"Field": [name for name, _ in lines], "Value": [words.plain(value or words.DASH) for _, value in lines]},
        border="horizontal", hide_index=True, hide_header=True, alt="The patient's record.",
    )  # fmt: skip
    if record.notes:
        st.markdown(words.plain(record.notes).replace("\n", "  \n"))
    st.caption(words.plain(f"Entered by {view.entered.full_name}."))
    with st.container(key="patient_actions", horizontal=True, vertical_alignment="center"):
        if view.held:
            st.button("Edit the record", icon=":material/edit:", key="edit_record", on_click=ask, args=(view,))
        theirs = {"person": str(view.public_id)}
        st.page_link("pages/history.py", label="The patient's studies", icon=":material/history:", query_params=theirs)


def ask(whose: PatientView | None = None) -> None:
    """Open the dialog for a patient as seen then, so that another's change since is told; nothing closes it."""
    st.session_state[ASKING] = whose


@st.dialog("Edit the record", on_dismiss=ask)
def edit(view: PatientView) -> None:
    kept.check()
    filled = patient_form.ask(view.record, "Save the record", key=f"{view.public_id.hex}_{view.version}")
    if filled is None:
        return
    done(
        "The record is saved.",
        lambda: edit_patient(acting.store(), acting.person(), view.public_id, view.version, filled.checked()),
    )


def sharing(view: PatientView) -> None:
    """Who sees all studies of this patient, and the form to add somebody."""
    st.subheader("Doctors", anchor=False)
    if not view.held:
        st.caption(
            "You see who this is because you examined the patient. Contact and notes are seen by those with whom the "
            "record is shared; who entered it can share it with you."
        )
        return
    if not view.doctors:
        st.caption("Nobody but you sees studies that others read." if mine(view) else "Nobody else is assigned.")
    for doctor in view.doctors:
        with st.container(key=f"doctor_{doctor.public_id.hex}", horizontal=True, vertical_alignment="center"):
            st.markdown(words.plain(doctor.full_name))
            if st.button("Remove", key=f"remove_{doctor.public_id.hex}", icon=":material/person_remove:"):
                done(
                    words.plain(f"{doctor.full_name} is removed, and goes on seeing only what they read themselves."),
                    lambda doctor=doctor: unshare_patient(
                        acting.store(), acting.person(), view.public_id, doctor.public_id
                    ),
                )
    there = {view.entered.public_id, *(doctor.public_id for doctor in view.doctors)}
    others = [person for person in colleagues(acting.store(), acting.person()) if person.public_id not in there]
    if not others:
        return
    chosen = someone("share", "Another doctor", others, ("Share the patient", "group_add"))
    st.caption("They see and change this record, and see all studies of the patient.")
    if chosen is not None:
        done(
            words.plain(f"{chosen.full_name} sees this patient now."),
            lambda: share_patient(acting.store(), acting.person(), view.public_id, chosen.public_id),
        )


def mine(view: PatientView) -> bool:
    return view.entered.public_id == acting.person().public_id


def account(view: PatientView) -> None:
    """The account with which the patient reads released results."""
    if not view.held:
        return
    st.subheader("The patient's own account", anchor=False)
    if view.account is not None:
        own = view.account
        st.markdown(words.plain(named(own)))
        if st.button("Part it from the record", key="unlink", icon=":material/link_off:"):
            done(
                "The account is parted from the record and sees nothing of it from now on.",
                lambda: unlink_account(acting.store(), acting.person(), own.public_id),
            )
        return
    waiting = waiting_accounts(acting.store(), acting.person())
    if not waiting:
        st.caption("No account waits for a record. The patient makes one on the sign-in page.")
        return
    chosen = someone("link", "Waiting account", waiting, ("Link the account", "link"))
    st.caption(
        "Let the patient tell you the user name in brackets: anybody can register under any name, and the account will "
        "read every result that is released."
    )
    if chosen is not None:
        done(
            words.plain(f"{chosen.full_name} reads the released results of this patient from now on."),
            lambda: link_account(acting.store(), acting.person(), view.public_id, chosen.public_id),
        )


def someone(key: str, label: str, people: Sequence[Person], button: tuple[str, str]) -> Person | None:
    """The person whom the form named ``key`` was sent with; ``button`` is its words and its icon."""
    with st.form(key, border=False):
        chosen = st.selectbox(label, people, index=None, format_func=named, key=f"{key}_to")
        asked = st.form_submit_button(button[0], icon=f":material/{button[1]}:", key=key)
    return chosen if asked else None


def named(person: Person) -> str:
    return f"{person.full_name} ({person.username})"


frame.run(page)
