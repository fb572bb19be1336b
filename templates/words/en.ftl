### The words around notices, in English. What people wrote is never here.
###
### `$name` is filled in. Words between <name> and </name> become a link. A language that lacks a message
### says it in English.

## Dates and times

month = { $month ->
    [jan] January
    [feb] February
    [mar] March
    [apr] April
    [may] May
    [jun] June
    [jul] July
    [aug] August
    [sep] September
    [oct] October
    [nov] November
   *[dec] December
}
month-short = { $month ->
    [jan] Jan
    [feb] Feb
    [mar] Mar
    [apr] Apr
    [may] May
    [jun] Jun
    [jul] Jul
    [aug] Aug
    [sep] Sep
    [oct] Oct
    [nov] Nov
   *[dec] Dec
}
weekday = { $weekday ->
    [mon] Monday
    [tue] Tuesday
    [wed] Wednesday
    [thu] Thursday
    [fri] Friday
    [sat] Saturday
   *[sun] Sunday
}
weekday-short = { $weekday ->
    [mon] Mon
    [tue] Tue
    [wed] Wed
    [thu] Thu
    [fri] Fri
    [sat] Sat
   *[sun] Sun
}
# Tuesday, July 10, 2018
day = { $weekday }, { $month } { $day }, { $year }
date = { $month } { $day }, { $year }
# In large letters: a date that breaks in its middle is read wrong on a narrow screen, so the spaces are no-break.
date-held = { $month }{ "\u00A0" }{ $day },{ "\u00A0" }{ $year }
day-held = { $weekday }, { $month }{ "\u00A0" }{ $day },{ "\u00A0" }{ $year }
month-and-year = { $month } { $year }
# Behind a date that nobody knows better.
approximately = { $date } (approximate)
# $hour goes from 0 to 23, $hour12 from 1 to 12; $half is am or pm; $minute has two digits.
clock = { $hour12 }:{ $minute } { $half ->
    [am] AM
   *[pm] PM
}
# 9:00 AM EDT
clock-in-zone = { $clock } { $zone }
# Tuesday, July 10, 2018, 9:00 AM EDT
moment = { $day }, { $clock }
# Tue Jul 10, 9:00 AM
moment-short = { $weekday } { $month } { $day }, { $clock }
# An action that ends on the day on which it begins; $from and $to are times of day.
span-of-day = { $day }, { $from } to { $to }
# One that ends on another day; $from and $to are days and times.
span-of-days = { $from } to { $to }
# Only times, because the day has been said.
clock-span = { $from } to { $to }
# $to is a day and a time.
clock-to-moment = { $from } to { $to }
gather-at = Gather at { $time }

## Spans of time

weeks = { $count ->
    [one] { $count } week
   *[other] { $count } weeks
}
days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}
hours = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
}
minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
seconds = { $count ->
    [one] { $count } second
   *[other] { $count } seconds
}
and = { $others } and { $last }
or = { $first } or { $others }
# 1 day before
before = { $span } before
# At the head of a reminder.
today = Today
tomorrow = Tomorrow
in-time = In { $span }
# The same of one date of several.
lead-of-date = { $lead }, { $date }

## When a list goes out

at-once = As soon as there is something
cut-in-zone = { $cut } ({ $zone })
# $hour is that of the first time.
cut-at = { $days } at { $times }
cut-every = { $times }, { $days }
every-minute = every minute
every-minutes = every { $count } minutes
every-hour = every hour
every-hour-past = every hour at { $count } minutes past
every-hours = every { $count } hours from midnight
every-hour-between = every hour from { $first } to { $last }
every-day = every day
working-days = Monday to Friday
every-weekday = every { $weekdays }
# 1st
day-of-month = { NUMBER($day, type: "ordinal") ->
    [one] { $day }st
    [two] { $day }nd
    [few] { $day }rd
   *[other] { $day }th
}
# $count is the number of days.
days-of-month = on the { $days } of every month
# $count is the number of days.
days-of-months = on the { $days } of { $months }
nth-of-month = on the { $nth ->
    [first] first
    [second] second
    [third] third
   *[fourth] fourth
} { $weekday } of every month
nth-of-months = on the { $nth ->
    [first] first
    [second] second
    [third] third
   *[fourth] fourth
} { $weekday } of { $months }
weekday-and-day = on every { $weekday } the { $day }
in-months = { $days } in { $months }
# $kinds; only with #tag
only-with = { $kinds }; only with { $tags }
# $spans: 1 day before and 2 hours before
reminds = { $spans } an action begins

## Kinds

kind-archive = Archive entry
kind-statement = Statement
kind-action = Action
kinds-archive = Archive
kinds-statement = Statements
kinds-action = Actions

## Status of an action

status-moved = MOVED
status-rescheduled = RESCHEDULED
status-postponed = POSTPONED
status-cancelled = CANCELLED
status-withdrawn = WITHDRAWN
says-scheduled = It takes place as announced.
says-after-all = It takes place after all.
says-as-now-announced = It takes place as now announced.
says-moved = It takes place somewhere else.
says-rescheduled = It takes place at another time.
says-postponed = It is postponed; a new date is not known yet.
says-cancelled = It is cancelled.
title-with-status = { $status }: { $title }
status-and-sentence = { $status }. { $sentence }

## What has changed. $what is time, end, assembly, place, address or meeting-point.

changed = The { $what ->
    [time] time
    [end] end
    [assembly] time to gather
    [place] place
    [address] address
   *[meeting-point] meeting point
} has changed: was { $was }, is { $is }.
now-known = The { $what ->
    [time] time
    [end] end
    [assembly] time to gather
    [place] place
    [address] address
   *[meeting-point] meeting point
} is now known: { $is }.
not-known-any-more = The { $what ->
    [time] time
    [end] end
    [assembly] time to gather
    [place] place
    [address] address
   *[meeting-point] meeting point
} is not known any more; it was { $was }.
changed-untold = The { $what ->
    [time] time
    [end] end
    [assembly] time to gather
    [place] place
    [address] address
   *[meeting-point] meeting point
} has changed.
# One date of several; $date is a day and a time, and so is $is.
date-cancelled = { $date } is cancelled.
date-postponed = { $date } is postponed; a new date is not known yet.
date-moved = { $date } takes place somewhere else.
date-rescheduled = { $date } takes place at another time.
date-after-all = { $date } takes place after all.
date-as-now-announced = { $date } takes place as now announced.
date-is-now = { $date } is now { $is }.
date-added = There is a new date: { $date }.
date-removed = { $date } is not among the dates any more.
# $change is a sentence from above.
of-date = { $date }: { $change }
# At the head of a correction.
change-cancelled = Cancelled
change-postponed = Postponed
change-after-all = Takes place after all
change-as-announced = As announced
change-time = New time
change-place = New place
change-address = New address
change-time-and-place = New time and place
change-end = New end
change-assembly = New gathering time
change-place-announced = Place announced
change-place-withdrawn = Place withdrawn
change-meeting-point-announced = Meeting point announced
change-meeting-point-withdrawn = Meeting point withdrawn
change-meeting-point = New meeting point
change-date-added = New date
change-date-removed = Date taken out
# More than one date of several.
change-dates = Dates changed
# One date of several: $change is one of these, $date a short day and time.
change-of-date = { $change } ({ $date })
new-time-of-date = { $change }, { $is } (was { $date })
change-withdrawn = Taken back
change-restored = Stands again
change-other = Changed
what-was-announced-has-changed = What was announced has changed.
withdrawn-because = This notice was taken back: { $why }
restored-sentence = This notice had been taken back. It stands again.
# Before the changes, in a feed and a calendar.
changed-on = Changed on { $moment }:

## Facts of a notice

label = { $label }:
labelled = { $label }: { $value }
fact-when = When
# Of what was taken back.
fact-was-when = Was announced for
when-postponed = Not known yet. It was to be { $was }.
fact-where = Where
fact-meeting-point = Meeting point
fact-gather = Gather
fact-dates = Dates
fact-status = Status
fact-hosts = Hosts
fact-with = With
fact-demands = Demands
fact-jail-support = Jail support
fact-know-your-rights = Know your rights
fact-legal-observers = Legal observers
fact-press = Press
fact-places = Places
fact-period = Period
fact-lineage = Where it comes from
fact-principles = Principles
fact-sources = Sources
fact-unknown = What we do not know
fact-care = Care
fact-call = Call
fact-issued = Issued
fact-addressed-to = Addressed to
fact-signed-by = Signed by
fact-signing = Signing
fact-adopted = Adopted
fact-translations = In other languages
fact-more = Further reading
access-wheelchair = Wheelchair access
access-step-free-route = Step-free route
access-asl = Sign language
access-quiet-space = Quiet space
access-restroom = Restroom
access-transit = Transit
access-childcare = Childcare
access-masks = Masks
access-contact = Access contact
# A date of several: where, when that is somewhere else, and a sentence about it.
date-at = { $date }, { $place }
date-with-note = { $date }. { $note }
no-place = Place to be announced
place-in-year = { $place }, { $from }
place-in-years = { $place }, { $from } to { $to }
place-since = { $place }, since { $from }
place-until = { $place }, until { $to }
archived-copy = archived copy
# Behind a source: when it was looked at.
accessed = seen on { $date }
care-ask-first = Ask those it comes from before you carry it further.
# Whether others may sign a statement.
signing-open-until = Open until { $moment }
signing-open = Open
signing-closed = Closed
# Before the record of an adoption.
on-record = on record
relation-inspired-by = Inspired by
relation-descends-from = Descends from
relation-adapted-from = Adapted from
relation-learned-from = Learned from
relation-parallel-to = Parallel to
confidence-documented = documented
confidence-told = told by those who were there
confidence-inferred = our inference
confidence-unknown = not known

## Mails

subject-alert = { $kind }: { $title } — { $when }
subject-correction = { $change }: { $title }
subject-correction-of-time = { $change }: { $title } — { $when }
subject-reminder = { $lead }: { $title }
subject-issue = { $list }: { $title }
subject-issue-more = { $list }: { $title } and { $count } more
issue-of = { $list }, { $day }
in-this-issue = In this issue
kind-corrected = { $kind }, corrected
as-it-stands-now = As it stands now
meet-at = Meet: { $place }
attached-entry = The attached file puts it into your calendar.
attached-correction = The attached file corrects the entry in your calendar.
read-the-whole-text = Read the whole text
on-the-web = On the web
quoted = “{ $text }”
why-this-mail = You get this mail because this address is on the list { $list } of { $organization }.
leave-this-list = Leave this list
change-what-you-get = Change what you get
write-to-us = Write to us: { $contact }
no-tracking-in-mail = This mail holds no picture and no tracked link: nobody can see whether you opened it.

## Feeds and calendars

title-of-kind = { $site }: { $kind }
title-of-tag = { $site }: #{ $tag }
calendar-of-tag = { $site }: actions #{ $tag }
title-of-campaign = { $site }: { $campaign }
calendar-of-campaign = { $site }: { $campaign }, actions
# $title (Atom)
document-title = { $title } ({ $format })
calendar-title = { $title } (calendar)
calendar = Calendar
whole-text = The whole text
end-assumed = The end is not known; two hours are assumed.

## Every page

skip = Skip to the content
sections = Sections
subscribe = Subscribe
more = More
all-notices = All notices
tags = Tags
campaigns = Campaigns
feeds-and-calendars = Feeds and calendars
published-by = Published by { $organization }.
write-to = Write to <mail>{ $contact }</mail>.
no-tracking-on-pages = These pages set no cookies, run no scripts and load nothing from other sites.

## Front page, indexes

actions-ahead = Actions ahead
actions-ahead-about = The actions ahead, soonest first. { $about }
all-actions-ahead = All actions ahead
no-action-ahead = No action is announced. <subscribe>Hear of the next one</subscribe>.
past-actions = Past actions
past-actions-about = What is over, the latest first. <ahead>Actions ahead</ahead> have a page of their own.
archive-about = Practices of mutual aid: where they come from, who keeps them up, and what is not known.
latest = Latest
nothing-published = Nothing has been published yet.
calendar-to-subscribe-to = Calendar to subscribe to
feeds = Feeds
soonest-first = Soonest first
postponed-without-date = Postponed, without a new date
dates-as-first-said = The dates below are those first said.
published-on = Published { $date }
signed-by = Signed: { $text }, { $signature }, by the key { $key }
signed-text = the text
signed-signature = its signature
signed-in-mail = What is published is signed with the key
published-and-changed = Published { $date }, changed { $changed }
notices = Notices
heading-with-page = { $heading }, page { $number }
nothing-here-yet = Nothing stands here yet.
pages = Pages
newer = Newer
older = Older
no-tags = No notice has a tag yet.
tags-about = All the tags. { $about }
no-campaigns = No notice belongs to a campaign yet.
campaigns-about = All the campaigns. { $about }

## A notice's page

superseded = There is a newer notice in place of this one:
everything-that-changed = Everything that has changed
when-and-where = When and where
# Behind the next date of several.
and-more-dates = { $count ->
    [one] and { $count } more date
   *[other] and { $count } more dates
}
# $moment is a short day and time, $more is and-more-dates.
moment-and-more = { $moment } { $more }
next-date = Next date
date-is-over = over
action-is-over = This action is over.
add-to-calendar = Add to your calendar
clock-of = Times on the clock of { $zone }
details = Details
what-has-changed = What has changed
beside-this = Beside this
next-notice = Next: { $notice }
over = This is over.
next-on = Next: { $notice }, { $day }
followed-by = What followed: { $notice }, { $day }
in-place-of = In place of: { $notice }
named-in = Named in: { $notice }

## The page for journalists, before an embargo ends

embargo-until = Under embargo until { $moment }
embargo-about = This page is for journalists. Please publish nothing of it before then, and do not pass the link on.

## Where nothing stands

missing = Nothing stands here
missing-about = The address may be mistyped, or what it leads to is not published yet.
gone = This notice was taken back
gone-about = It stood here and does not hold any more. Please do not pass on copies of it.
look-elsewhere = Look among the <ahead>actions ahead</ahead> or in <all>all notices</all>.

## Feeds and subscribing

feeds-of-organization = Every feed and calendar of { $organization }.
feeds-about = Every feed carries the whole text. <opml>All feeds in one file (OPML)</opml>, for readers that import a list.
everything = Everything
by-kind = By kind
by-campaign = By campaign
by-tag = By tag
column-what = What
column-as = As
column-campaign = Campaign
column-tag = Tag
subscribe-to-organization = How to hear of what { $organization } publishes.
subscribe-about = By feed and by calendar nobody learns that you read: there is no list with your name on it.
in-a-reader = In a feed reader
in-a-reader-about = Copy one of these addresses into your reader. Most readers also find it by themselves when you give them the address of this site.
everything-as = Everything, as { $format }
feeds-of-kinds = Feeds of single kinds, campaigns and tags
in-your-calendar = In your calendar
in-your-calendar-about = Subscribe to the calendar instead of copying it, and an action that moves or is cancelled does so in yours, too. Some calendars look only once a day: on the day itself, look at the page of the action.
calendar-of-actions = Calendar of all actions
calendars-of-tags = Calendars of single campaigns and tags
by-mail = By mail
list-carries = Carries
list-goes-out = Goes out
list-reminds = Reminds

## Leaving, choosing

leave-a-list = Leave a list
leave-asked = Leave “{ $list }”?
leave-asked-about = One press, and no more mail of this list goes out to you.
leave-all-asked = Leave all lists?
leave-all-asked-about = One press, and no more mail goes out to you.
leave-all-lists = Leave all lists
# To who saves without a list.
no-list-ticked = Nothing is saved yet, because no list is ticked. When you leave them all, no more mail goes out to you, and your address is erased.
keep-all = <back>Go back, and keep everything as it is</back>
left = You have left
left-about = You get no more mail of “{ $list }”. Only what was being handed over at this moment may still come.
left-all-about = You get no more mail. Only what was being handed over at this moment may still come.
link-dead = This link does not work any more
link-dead-about = Take the one in the newest mail that you have.
leave-named = Leave “{ $list }”
what-you-get = What you get
lists = Lists
# $list is the list whose issues come instead.
digest-instead = Not each by itself: collected, with “{ $list }”. What you were told is still corrected at once.
remind-me = Remind me before an action begins
pause-until = Send nothing until this day; what goes out meanwhile is not made up for
own-address = Your mail address, so that nobody to whom a mail was passed on can change this
save = Save
show-held = Send me what you hold about me
erase-me = Erase me
leave = Leave
leave-needs-no-address = To leave, no address is asked for.
preferences-dead-about = Take the one in the newest mail that you have, or <again>subscribe again</again>.
saved = Saved.
form-not-understood = The form was not understood.
wrong-owner = Write the address that this link was sent to: so nobody to whom the mail was passed on can change what you get.
wrong-day = The day is not one: write it such as 2018-08-01.
wrong-chosen-language = The language is not one: write it such as en or es.
forgotten = Forgotten
erased = You are forgotten
erased-about = You get no more mail, and your address is erased. Only a code stays, which cannot be turned back into it and keeps others from adding you again.
erased-again = You can <again>subscribe again</again> whenever you like.

## The form to subscribe

hear-by-mail = Hear of it by mail
# A field that only machines see.
leave-empty = Leave this empty
your-address = Your mail address
# In a form on other people's pages.
address-of-mail = Mail address
what-you-want = What you want
choose-language = Language
# Its own name, in a form to choose it.
language-itself = English
# Where somebody chooses none.
language-of-site = That of this site
link-comes = A mail with a link comes to you; nothing else is sent until you have pressed the button there.
form-for-your-page = A form for your own page
form-for-your-page-about = It runs no script and sets no cookie.
wrong-address = This is not a mail address. Write one such as name@example.org.
wrong-no-list = Choose what you want to get.
wrong-unknown-list = There is no such list. Choose one of those below.
wrong-language = This is not a language. Write one such as en or es.
asked = Look into your mailbox
asked-about = If the address can be written to, a mail with a link is on its way. Open it within { $hours } hours and press the button there.
asked-nothing-came = Nothing came? Look among the unwanted mails. One address is written to once a day at most, so another try today brings no second mail.
too-many = Too many requests
too-many-of-network = Too many requests from your network
too-many-about = Please try again in { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
}. Nothing about you was kept.

## What becomes of an address

terms = What becomes of your address
terms-key = It is kept encrypted. Whoever runs the server of { $organization } and has its key can read it; no page and no organizer's desk shows it.
terms-database = The record is on a database server, which holds addresses encrypted and has no key.
terms-relay = Mail goes out through { $relay }, which sees the addresses that it sends to, as your own provider sees what it receives.
terms-kept = Beside it are kept: your lists, your language, what you chose about them, and the month in which you confirmed. No name, no IP address, no record of what you open or click.
terms-request = A request that is not confirmed is forgotten after 48 hours. A count of the mails that asked for a confirmation is kept under an encrypted form of the address for 30 days, so that nobody can have your mailbox filled.
terms-deliveries = How a delivery went is kept for 7 days; after that only counts.
terms-leaving = Every mail has a link to leave with one press, and one to change what you get, to see all that is held about you, and to have it erased. Then only a code stays that cannot be turned back into your address; it keeps others from adding you again.
terms-contact = Questions: <mail>{ $contact }</mail>.

## Confirming, staying

confirm = Confirm
confirm-asked = Do you want this by mail?
confirm-asked-about = One press, and it begins. If it was not you who asked, close this page; the request is forgotten by itself.
confirm-yes = Yes, I want this
subscribed = You are subscribed
confirmed-about = This is what you get. Every mail says how to change it or to leave.
confirm-dead-about = A request is forgotten after 48 hours, or when you left. You can <again>ask again</again>.
stay = Stay
stay-asked = Do you want to stay?
mail-came-back = Some of our mail to you came back.
stay-yes = I want to stay
stayed = Thank you
stayed-about = You stay on your lists.
stay-dead-about = You can <again>subscribe again</again>.

## Mails to one person

subject-confirm = Is this you? Confirm mail from { $organization }
subject-subscribed-already = You are subscribed already: { $organization }
confirm-preheader = Open the page and press the button, or do nothing.
please-confirm = Please confirm
is-this-you = Is this you?
somebody-asked = Somebody, we hope you, asked for mail from { $organization } to this address:
# $when: every Monday at 09:00
list-with-when = { $list }: { $when }.
confirm-by-page = To get it, open the page before { $until } and press the button there:
# The address of the page is the next line.
confirm-by-this-page = To get it, open this page before { $until } and press the button there:
open-to-confirm = Open the page to confirm
was-it-not-you = Was it not you? Then do nothing. Nothing else is sent to you, and the request is forgotten after { $hours } hours.
nothing-has-changed = Nothing has changed
subscribed-already = You are subscribed already
somebody-asked-again = Somebody, perhaps you, asked for mail from { $organization } to this address. You get already:
somebody-asked-again-in-text = Somebody, perhaps you, asked for mail from { $organization } to this address. It is subscribed already, so nothing has changed. You get:
see-or-change = See or change what you get
to-see-or-change = To see or change that
# $page is page-of.
why-request = This mail answers a request on { $page }.
page-of = the page of { $organization }
subject-welcome = Welcome: what you get from { $organization }
welcome = Welcome
what-comes = This is what comes, and when.
subscribed-and-what-comes = You are subscribed. This is what comes, and when:
# $day: Monday, July 9, 2018. Titles follow.
last-issue = The last issue of “{ $list }”, of { $day }, carried:
came-out-lately = What came out lately
why-confirmed = You get this mail because you confirmed that you want mail from { $organization }.
subject-probe = Does this reach you? { $organization }
does-this-reach-you = Does this reach you?
# A link follows: stay-yes.
probe-about = Some of our mail to you came back. If you read this, all is well; to stay, open the page and press the button:
# The address of the page is the next line.
probe-about-in-text = Some of our mail to you came back. If you read this, all is well; to stay, open this page and press the button:
