"""An English sentence is a statement only if it can be read by itself and holds knowledge; the word says why not."""

from __future__ import annotations

import pytest

from stages.alone_english import names_its_subject, unnamed, why_not_alone
from stages.organize import OrganizeConfig, why_no_statement

GOOD = [
    "A PostgreSQL database cluster contains one or more named databases.",
    "The groupmod command modifies a group's information (its gid or identifier).",
    "SPI acts as a fiscal sponsor to many free and open source projects.",
    "The Debian Project was created by Ian Murdock in 1993, initially under the sponsorship of the GNU project.",
    "The smtpd_client_restrictions directive controls which machines are allowed to communicate with the email server.",
    "By default, debian-installer installs the Gnome desktop environment.",
    "To allow for high concurrency, PostgreSQL uses multiversion concurrency control (MVCC) to store rows.",
    "When a BOOTP or DHCP server returns a response, it includes a filename, as well as network settings.",
    "A “daemon” is a process started automatically by the boot sequence.",
    "Debian requires each program to have a manual page.",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_says_of_a_named_thing_what_it_is_or_does_stands_alone(text: str) -> None:
    assert why_not_alone(text) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Even if this constitution establishes a democracy, Debian follows the rules of the do-ocracy.", "leans"),
        ("GNOME includes that option via Settings, contrary to previous versions of Debian.", "leans"),
        ("For those of Debian, the latter is preferred by most users.", "leans"),
        ("Either way, PostgreSQL will need to be restarted.", "leans"),
        ("For similar reasons, the Thunderbird client was renamed to Icedove.", "leans"),
        ("RAID1 is a bit more tricky.", "leans"),
        ("Debian includes another implementation, called Avahi, which provides the same functionality.", "leans"),
        ("Orbital ATK will try again on Thursday.", "leans"),
        ("The agency Orbital ATK announced the launch Tuesday.", "leans"),
        ("High Elves start with it.", "leans"),
        ("The usage of LVM is described in further detail in Section 12.1.2, “LVM”.", "refers"),
        ("A Debian system can be installed from several types of media (see NOTE UEFI).", "refers"),
        ("Figure 3 shows how GRUB loads the Linux kernel.", "refers"),
        ("The resolver of aptitude[8] stores all solutions.", "refers"),
        ("If you have found a bug in Debian, please read the instructions.", "speaks"),
        ("Thank you also to the fine team at Eyrolles, and Muriel Shan Sei Fan in particular.", "speaks"),
        ("Ahh, if only Yahoo had bought Snapchat instead of Tumblr.", "speaks"),
        ("Unfortunately GRUB does not support RAID6.", "speaks"),
        ("Reading the GNU Manifesto would also be a good idea.", "speaks"),
        ("Use the apt command of Debian to install packages.", "instructs"),
        ("If you do not have an OpenPGP key yet, generate one.", "instructs"),
        ("To run Debian, install the shim-signed package.", "instructs"),
        ("You will be asked to enter the number of active devices of the RAID.", "instructs"),
        ("Untar the file netboot/pxeboot.tar.gz into /srv/tftp.", "instructs"),
        ("You can also use lsb_release.", "instructs"),
        ("Photos by cmgirl (Shutterstock), J E Theriot, George Redgrave and David Amsler.", "fragment"),
        ("Creates a GIN (Generalized Inverted Index)-based index.", "fragment"),
        ("RFC 2616 compliant HTTP caching filter.", "fragment"),
        ("MinimumMagnitude: used only if Polar=TRUE.", "fragment"),
        ("The GNU project is led by its iconic leader, Dr.", "fragment"),
        ("Simple-CDD requires many parameters.", "vague"),
        ("Choosing the proper Debian distribution is an important decision.", "vague"),
        ("The main configuration file usually includes several Directory blocks.", "unnamed"),
        ("The installation needs a working Debian mirror.", "unnamed"),
        ("Before GRUB starts, the program asks for a password.", "unnamed"),
        ("For extra safety, many programs do not handle TCP packets themselves.", "unnamed"),
    ],
)
def test_what_points_out_of_itself_or_holds_no_knowledge_says_why(text: str, reason: str) -> None:
    assert why_not_alone(text) == reason


@pytest.mark.parametrize(
    "text",
    [
        "The Debian mirror network is checked every Sunday by its administrators.",
        "The treaty of Versailles was signed on Saturday, June 28, 1919.",
        "Photosynthesis is a process by which plants convert light into chemical energy.",
    ],
)
def test_a_day_that_comes_again_or_has_its_date_points_at_nothing(text: str) -> None:
    assert why_not_alone(text) is None


def test_a_typographic_apostrophe_reads_as_the_plain_one() -> None:
    assert why_not_alone("Don’t use GRUB on machines of IBM.") == why_not_alone("Don't use GRUB on machines of IBM.")


def test_a_definite_thing_is_named_by_what_stands_in_it_or_behind_it_or_is_known_to_all() -> None:
    assert unnamed("The main configuration file includes several blocks.") == "main configuration file"
    assert unnamed("The configuration of Apache includes several blocks.") is None
    assert unnamed("The GRUB configuration includes several blocks.") is None
    assert unnamed("The kernel includes several drivers.") is None


def test_a_clause_that_leads_in_needs_a_named_subject_behind_it() -> None:
    assert names_its_subject("Since the network is slow, PostgreSQL waits.")
    assert not names_its_subject("Since PostgreSQL waits, results come late.")


@pytest.mark.parametrize(
    "text",
    [
        "Coral reefs are built by colonies of tiny animals.",
        "Photosynthesis converts carbon dioxide and water into glucose and oxygen.",
        "Diabetes is a chronic disease that affects how the body turns food into energy.",
        "A volcano is an opening in the crust through which lava escapes.",
    ],
)
def test_what_general_knowledge_tells_of_a_term_needs_no_name(text: str) -> None:
    assert why_no_statement(text, "en", OrganizeConfig()) is None


@pytest.mark.parametrize(
    "text",
    [
        "His rendition was a flailing mess, a terrible tangle of whoops and cries.",
        "Parameters are an arbitrary list of quirks that belong together.",
        "Some routes have toilets on board depending on the length of journey.",
    ],
)
def test_things_of_the_page_are_no_terms_of_general_knowledge(text: str) -> None:
    assert why_no_statement(text, "en", OrganizeConfig()) is not None
