### Las palabras alrededor de los avisos, en español. Lo que la gente escribió nunca está aquí.
###
### `$nombre` se rellena. Lo que está entre <nombre> y </nombre> se vuelve un enlace. Se evita tratar de tú, vos o
### usted, y marcar el género de quien lee.

## Fechas y horas

month = { $month ->
    [jan] enero
    [feb] febrero
    [mar] marzo
    [apr] abril
    [may] mayo
    [jun] junio
    [jul] julio
    [aug] agosto
    [sep] septiembre
    [oct] octubre
    [nov] noviembre
   *[dec] diciembre
}
month-short = { $month ->
    [jan] ene
    [feb] feb
    [mar] mar
    [apr] abr
    [may] may
    [jun] jun
    [jul] jul
    [aug] ago
    [sep] sep
    [oct] oct
    [nov] nov
   *[dec] dic
}
weekday = { $weekday ->
    [mon] lunes
    [tue] martes
    [wed] miércoles
    [thu] jueves
    [fri] viernes
    [sat] sábado
   *[sun] domingo
}
weekday-short = { $weekday ->
    [mon] lun
    [tue] mar
    [wed] mié
    [thu] jue
    [fri] vie
    [sat] sáb
   *[sun] dom
}
# martes 10 de julio de 2018
day = { $weekday } { $day } de { $month } de { $year }
date = { $day } de { $month } de { $year }
date-held = { $day }{ "\u00A0" }de{ "\u00A0" }{ $month } de{ "\u00A0" }{ $year }
day-held = { $weekday } { $day }{ "\u00A0" }de{ "\u00A0" }{ $month } de{ "\u00A0" }{ $year }
month-and-year = { $month } de { $year }
approximately = { $date } (fecha aproximada)
clock = { $hour }:{ $minute }
clock-in-zone = { $clock } { $zone }
# martes 10 de julio de 2018, 9:00 EDT
moment = { $day }, { $clock }
moment-short = { $weekday } { $day } { $month }, { $clock }
span-of-day = { $day }, de { $from } a { $to }
span-of-days = desde el { $from } hasta el { $to }
clock-span = de { $from } a { $to }
clock-to-moment = de { $from } hasta el { $to }
gather-at = Encuentro previo: { $time }

## Duraciones

weeks = { $count ->
    [one] { $count } semana
   *[other] { $count } semanas
}
days = { $count ->
    [one] { $count } día
   *[other] { $count } días
}
hours = { $count ->
    [one] { $count } hora
   *[other] { $count } horas
}
minutes = { $count ->
    [one] { $count } minuto
   *[other] { $count } minutos
}
seconds = { $count ->
    [one] { $count } segundo
   *[other] { $count } segundos
}
and = { $others } y { $last }
or = { $first } o { $others }
before = { $span } antes
today = Hoy
tomorrow = Mañana
in-time = Dentro de { $span }
lead-of-date = { $lead }, { $date }

## Cuándo sale una lista

at-once = En cuanto hay algo
cut-in-zone = { $cut } ({ $zone })
cut-at = { $days } { $hour ->
    [1] a la
   *[other] a las
} { $times }
cut-every = { $times }, { $days }
every-minute = cada minuto
every-minutes = cada { $count } minutos
every-hour = cada hora
every-hour-past = cada hora, en el minuto { $count }
every-hours = cada { $count } horas desde la medianoche
every-hour-between = cada hora, de { $first } a { $last }
every-day = todos los días
working-days = de lunes a viernes
every-weekday = cada { $weekdays }
day-of-month = { $day }
days-of-month = { $count ->
    [one] el día { $days }
   *[other] los días { $days }
} de cada mes
days-of-months = { $count ->
    [one] el día { $days }
   *[other] los días { $days }
} de { $months }
nth-of-month = el { $nth ->
    [first] primer
    [second] segundo
    [third] tercer
   *[fourth] cuarto
} { $weekday } de cada mes
nth-of-months = el { $nth ->
    [first] primer
    [second] segundo
    [third] tercer
   *[fourth] cuarto
} { $weekday } de { $months }
weekday-and-day = cada { $weekday } que caiga en día { $day }
in-months = { $days } en { $months }
only-with = { $kinds }; solo con { $tags }
reminds = { $spans } de que empiece una acción

## Tipos

kind-archive = Entrada del archivo
kind-statement = Comunicado
kind-action = Acción
kinds-archive = Archivo
kinds-statement = Comunicados
kinds-action = Acciones

## Estado de una acción

status-moved = CAMBIA DE LUGAR
status-rescheduled = SE REPROGRAMA
status-postponed = SE APLAZA
status-cancelled = SE CANCELA
status-withdrawn = RETIRADO
says-scheduled = Se mantiene como se anunció.
says-after-all = Al final sí se hace.
says-as-now-announced = Se hace como se anuncia ahora.
says-moved = Se hará en otro lugar.
says-rescheduled = Se hará en otro momento.
says-postponed = Se aplaza; todavía no hay nueva fecha.
says-cancelled = Se cancela.
title-with-status = { $status }: { $title }
status-and-sentence = { $status }. { $sentence }

## Qué ha cambiado

changed = Ha cambiado { $what ->
    [time] la fecha o la hora
    [end] la hora de cierre
    [assembly] la hora del encuentro previo
    [place] el lugar
    [address] la dirección
   *[meeting-point] el punto de encuentro
}. Antes: { $was }. Ahora: { $is }.
now-known = Ya se conoce { $what ->
    [time] la hora
    [end] la hora de cierre
    [assembly] la hora del encuentro previo
    [place] el lugar
    [address] la dirección
   *[meeting-point] el punto de encuentro
}: { $is }.
not-known-any-more = Ya no se conoce { $what ->
    [time] la hora
    [end] la hora de cierre
    [assembly] la hora del encuentro previo
    [place] el lugar
    [address] la dirección
   *[meeting-point] el punto de encuentro
}. Antes: { $was }.
changed-untold = Ha cambiado { $what ->
    [time] la hora
    [end] la hora de cierre
    [assembly] la hora del encuentro previo
    [place] el lugar
    [address] la dirección
   *[meeting-point] el punto de encuentro
}.
# Una de varias fechas; $date es un día y una hora, y también $is.
date-cancelled = { $date }: se cancela.
date-postponed = { $date }: se aplaza; todavía no hay nueva fecha.
date-moved = { $date }: se hará en otro lugar.
date-rescheduled = { $date }: se hará en otro momento.
date-after-all = { $date }: al final sí se hace.
date-as-now-announced = { $date }: se hace como se anuncia ahora.
date-is-now = { $date }: ahora es { $is }.
date-added = Hay una nueva fecha: { $date }.
date-removed = Ya no está entre las fechas: { $date }.
of-date = { $date }: { $change }
change-cancelled = Se cancela
change-postponed = Se aplaza
change-after-all = Al final sí se hace
change-as-announced = Se mantiene
change-time = Nuevo horario
change-place = Nuevo lugar
change-address = Nueva dirección
change-time-and-place = Nuevo horario y lugar
change-end = Nueva hora de cierre
change-assembly = Nueva hora del encuentro previo
change-place-announced = Se anuncia el lugar
change-place-withdrawn = Se retira el lugar
change-meeting-point-announced = Se anuncia el punto de encuentro
change-meeting-point-withdrawn = Se retira el punto de encuentro
change-meeting-point = Nuevo punto de encuentro
change-date-added = Nueva fecha
change-date-removed = Fecha retirada
change-dates = Cambian las fechas
change-of-date = { $change } ({ $date })
new-time-of-date = { $change }, { $is } (antes { $date })
change-withdrawn = Retirado
change-restored = Vuelve a valer
change-other = Cambios
what-was-announced-has-changed = Ha cambiado lo que se anunció.
withdrawn-because = Este aviso fue retirado: { $why }
restored-sentence = Este aviso había sido retirado. Vuelve a valer.
changed-on = Cambio del { $moment }:

## Datos de un aviso

label = { $label }:
labelled = { $label }: { $value }
fact-when = Cuándo
# De lo que se retiró.
fact-was-when = Se había anunciado para
when-postponed = Todavía no se sabe. Antes: { $was }.
fact-where = Dónde
fact-meeting-point = Punto de encuentro
fact-gather = Encuentro previo
fact-dates = Fechas
fact-status = Estado
fact-hosts = Convoca
fact-with = Con
fact-demands = Demandas
fact-jail-support = Apoyo a personas detenidas
fact-know-your-rights = Derechos que conviene conocer
fact-legal-observers = Observación legal
fact-press = Prensa
fact-places = Lugares
fact-period = Época
fact-lineage = De dónde viene
fact-principles = Principios
fact-sources = Fuentes
fact-unknown = Lo que no sabemos
fact-care = Cuidado
fact-call = Llamado
fact-issued = Fecha
fact-addressed-to = Se dirige a
fact-signed-by = Firman
fact-signing = Cómo firmar
fact-adopted = Adopción
fact-translations = En otros idiomas
fact-more = Para leer más
access-wheelchair = Acceso en silla de ruedas
access-step-free-route = Recorrido sin escalones
access-asl = Lengua de señas
access-quiet-space = Espacio tranquilo
access-restroom = Baño
access-transit = Transporte público
access-childcare = Cuidado infantil
access-masks = Mascarillas
access-contact = Contacto para accesibilidad
date-at = { $date }, { $place }
date-with-note = { $date }. { $note }
no-place = Lugar por anunciar
place-in-year = { $place }, { $from }
place-in-years = { $place }, de { $from } a { $to }
place-since = { $place }, desde { $from }
place-until = { $place }, hasta { $to }
archived-copy = copia archivada
accessed = visto el { $date }
care-ask-first = Antes de llevarla a otro sitio, hay que consultar con las personas de quienes viene.
signing-open-until = Se puede firmar hasta el { $moment }
signing-open = Se puede firmar
signing-closed = Ya no se puede firmar
on-record = consta en
relation-inspired-by = Se inspira en
relation-descends-from = Desciende de
relation-adapted-from = Adapta
relation-learned-from = Aprende de
relation-parallel-to = En paralelo con
confidence-documented = hay documentos
confidence-told = según quienes estuvieron ahí
confidence-inferred = lo deducimos
confidence-unknown = no se sabe

## Correos

subject-alert = { $kind }: { $title } — { $when }
subject-correction = { $change }: { $title }
subject-correction-of-time = { $change }: { $title } — { $when }
subject-reminder = { $lead }: { $title }
subject-issue = { $list }: { $title }
subject-issue-more = { $list }: { $title } y { $count } más
issue-of = { $list }, { $day }
in-this-issue = En este número
kind-corrected = { $kind }, con cambios
as-it-stands-now = Cómo queda ahora
meet-at = Punto de encuentro: { $place }
attached-entry = El archivo adjunto sirve para agregar la acción al calendario.
attached-correction = El archivo adjunto corrige la cita en el calendario.
read-the-whole-text = Leer el texto completo
on-the-web = En la web
quoted = “{ $text }”
why-this-mail = Este correo llega porque esta dirección está en la lista { $list } de { $organization }.
leave-this-list = Salir de esta lista
change-what-you-get = Elegir qué recibir
write-to-us = Contacto: { $contact }
no-tracking-in-mail = Este correo no lleva imágenes ni enlaces de rastreo: nadie puede saber si se abrió.

## Canales y calendarios

title-of-kind = { $site }: { $kind }
title-of-tag = { $site }: #{ $tag }
calendar-of-tag = { $site }: acciones #{ $tag }
title-of-campaign = { $site }: { $campaign }
calendar-of-campaign = { $site }: { $campaign }, acciones
document-title = { $title } ({ $format })
calendar-title = { $title } (calendario)
calendar = Calendario
whole-text = El texto completo
end-assumed = No se conoce la hora de cierre; se calculan dos horas.

## En todas las páginas

skip = Ir al contenido
sections = Secciones
subscribe = Suscribirse
more = Más
all-notices = Todos los avisos
tags = Etiquetas
campaigns = Campañas
feeds-and-calendars = Canales y calendarios
published-by = Publica: { $organization }.
write-to = Contacto: <mail>{ $contact }</mail>.
no-tracking-on-pages = Estas páginas no usan cookies, no ejecutan programas ni cargan nada de otros sitios.

## Portada, índices

actions-ahead = Próximas acciones
actions-ahead-about = Las próximas acciones, primero las más cercanas. { $about }
all-actions-ahead = Todas las próximas acciones
no-action-ahead = No hay ninguna acción anunciada. <subscribe>Cómo enterarse de la próxima</subscribe>.
past-actions = Acciones pasadas
past-actions-about = Lo que ya pasó, primero lo más reciente. Las <ahead>próximas acciones</ahead> tienen su propia página.
archive-about = Prácticas de apoyo mutuo: de dónde vienen, quiénes las mantienen y qué no se sabe.
latest = Lo más reciente
nothing-published = Todavía no se ha publicado nada.
calendar-to-subscribe-to = Suscribirse al calendario
feeds = Canales
soonest-first = Primero las más cercanas
postponed-without-date = Aplazadas, sin nueva fecha
dates-as-first-said = Las fechas de abajo son las que se anunciaron al principio.
published-on = Publicado el { $date }
signed-by = Firmado: { $text }, { $signature }, con la clave { $key }
signed-text = el texto
signed-signature = su firma
signed-in-mail = Lo que se publica está firmado con la clave
published-and-changed = Publicado el { $date }, con cambios del { $changed }
notices = Avisos
heading-with-page = { $heading }, página { $number }
nothing-here-yet = Todavía no hay nada aquí.
pages = Páginas
newer = Más recientes
older = Anteriores
no-tags = Ningún aviso tiene etiquetas todavía.
tags-about = Todas las etiquetas. { $about }
no-campaigns = Ningún aviso pertenece a una campaña todavía.
campaigns-about = Todas las campañas. { $about }

## La página de un aviso

superseded = Hay un aviso más nuevo en lugar de este:
everything-that-changed = Todo lo que ha cambiado
when-and-where = Cuándo y dónde
and-more-dates = { $count ->
    [one] y { $count } fecha más
   *[other] y { $count } fechas más
}
moment-and-more = { $moment } { $more }
next-date = Próxima fecha
date-is-over = ya pasó
action-is-over = Esta acción ya pasó.
add-to-calendar = Agregar al calendario
clock-of = Según la hora de { $zone }
details = Detalles
what-has-changed = Qué ha cambiado
beside-this = Además de esto
next-notice = A continuación: { $notice }
over = Esto ya pasó.
next-on = A continuación: { $notice }, { $day }
followed-by = Después vino: { $notice }, { $day }
in-place-of = En lugar de: { $notice }
named-in = Se menciona en: { $notice }

## La página para periodistas, antes de que acabe un embargo

embargo-until = Bajo embargo hasta: { $moment }
embargo-about = Esta página es para periodistas. Se ruega no publicar nada de ella antes de esa fecha ni compartir el enlace.

## Donde no hay nada

missing = Aquí no hay nada
missing-about = Puede que la dirección tenga un error, o que aquello a lo que lleva no se haya publicado todavía.
gone = Este aviso se retiró
gone-about = Estaba aquí y ya no vale. Se ruega no difundir copias.
look-elsewhere = Se puede buscar entre las <ahead>próximas acciones</ahead> o en <all>todos los avisos</all>.

## Canales y suscripción

feeds-of-organization = Todos los canales y calendarios de { $organization }.
feeds-about = Cada canal lleva el texto completo. <opml>Todos los canales en un archivo (OPML)</opml>, para lectores que importan listas.
everything = Todo
by-kind = Por tipo
by-campaign = Por campaña
by-tag = Por etiqueta
column-what = Qué
column-as = Formato
column-campaign = Campaña
column-tag = Etiqueta
subscribe-to-organization = Cómo enterarse de lo que publica { $organization }.
subscribe-about = Por canal o por calendario nadie se entera de quién lee: no hay ninguna lista con nombres.
in-a-reader = En un lector de canales
in-a-reader-about = Basta copiar una de estas direcciones en el lector. La mayoría de los lectores también la encuentra por su cuenta con la dirección de este sitio.
everything-as = Todo, en { $format }
feeds-of-kinds = Canales por tipo, por campaña y por etiqueta
in-your-calendar = En el calendario
in-your-calendar-about = Conviene suscribirse al calendario en vez de copiarlo: así una acción que cambia o se cancela también lo hace en la copia propia. Algunos calendarios se actualizan solo una vez al día: el mismo día hay que mirar la página de la acción.
calendar-of-actions = Calendario de todas las acciones
calendars-of-tags = Calendarios por campaña y por etiqueta
by-mail = Por correo
list-carries = Contenido
list-goes-out = Sale
list-reminds = Recuerda

## Salir, elegir

leave-a-list = Salir de una lista
leave-asked = ¿Salir de “{ $list }”?
leave-asked-about = Basta pulsar una vez, y esta lista deja de mandar correos a esta dirección.
leave-all-asked = ¿Salir de todas las listas?
leave-all-asked-about = Basta pulsar una vez, y no salen más correos a esta dirección.
leave-all-lists = Salir de todas las listas
no-list-ticked = Todavía no se ha guardado nada, porque no hay ninguna lista marcada. Al darse de baja de todas, no salen más correos a esta dirección, y la dirección se borra.
keep-all = <back>Volver y dejar todo como está</back>
left = La baja está hecha
left-about = “{ $list }” ya no manda más correos a esta dirección. Solo puede llegar lo que se estaba entregando en este momento.
left-all-about = Ya no salen más correos a esta dirección. Solo puede llegar lo que se estaba entregando en este momento.
link-dead = Este enlace ya no funciona
link-dead-about = Hay que usar el del correo más reciente.
leave-named = Salir de “{ $list }”
what-you-get = Qué llega por correo
lists = Listas
digest-instead = No uno por uno, sino todo junto con “{ $list }”. Lo que ya se anunció se corrige siempre enseguida.
remind-me = Recordarme una acción antes de que empiece
pause-until = No mandar nada hasta este día; lo que salga mientras tanto no se manda después
own-address = La dirección de correo, para que nadie que haya recibido un correo reenviado pueda cambiar esto
save = Guardar
show-held = Mandarme lo que se guarda sobre mí
erase-me = Borrar todos mis datos
leave = Salir
leave-needs-no-address = Para salir no se pide ninguna dirección.
preferences-dead-about = Hay que usar el del correo más reciente, o <again>suscribirse de nuevo</again>.
saved = Guardado.
form-not-understood = No se entendió el formulario.
wrong-owner = Hay que escribir la dirección a la que se mandó este enlace: así nadie que haya recibido el correo reenviado puede cambiar qué llega.
wrong-day = Eso no es una fecha: hay que escribirla así: 2018-08-01.
wrong-chosen-language = Eso no es un idioma: hay que escribirlo así: en o es.
forgotten = Datos borrados
erased = Los datos están borrados
erased-about = No salen más correos y la dirección está borrada. Solo queda un código del que no se puede recuperar la dirección y que impide que otras personas la vuelvan a inscribir.
erased-again = Es posible <again>suscribirse de nuevo</again> en cualquier momento.

## El formulario de suscripción

hear-by-mail = Enterarse por correo
leave-empty = Dejar vacío
your-address = Dirección de correo
address-of-mail = Dirección de correo
what-you-want = Qué recibir
choose-language = Idioma
language-itself = Español
language-of-site = El de este sitio
link-comes = A la dirección llega un correo con un enlace; no se manda nada más hasta que se pulse el botón que hay ahí.
form-for-your-page = Un formulario para otras páginas
form-for-your-page-about = No ejecuta programas ni usa cookies.
wrong-address = Esto no es una dirección de correo. Tiene que ser como nombre@example.org.
wrong-no-list = Hay que elegir qué recibir.
wrong-unknown-list = Esa lista no existe. Hay que elegir una de las de abajo.
wrong-language = Esto no es un idioma. Hay que escribirlo así: en o es.
asked = Hay que mirar el buzón
asked-about = Si se puede escribir a esa dirección, un correo con un enlace va en camino. Hay que abrirlo antes de { $hours } horas y pulsar el botón que hay ahí.
asked-nothing-came = ¿No llegó nada? Puede estar entre los correos no deseados. A una dirección se le escribe como mucho una vez al día, así que otro intento hoy no trae un segundo correo.
too-many = Demasiadas solicitudes
too-many-of-network = Demasiadas solicitudes desde esta red
too-many-about = Se puede intentar de nuevo en { $minutes ->
    [one] { $minutes } minuto
   *[other] { $minutes } minutos
}. No se guardó ningún dato personal.

## Qué pasa con una dirección

terms = Qué pasa con la dirección
terms-key = Se guarda cifrada. Puede leerla quien opera el servidor de { $organization } y tiene su clave; no la muestra ninguna página ni ninguna pantalla de la organización.
terms-database = El registro está en un servidor de bases de datos, que guarda las direcciones cifradas y no tiene la clave.
terms-relay = El correo sale por { $relay }, que ve las direcciones a las que manda, igual que el proveedor de quien lo recibe ve lo que llega.
terms-kept = Además se guardan: las listas, el idioma, lo que se eligió sobre ellas y el mes de la confirmación. Ningún nombre, ninguna dirección IP, ningún registro de qué se abre o en qué se hace clic.
terms-request = Una solicitud sin confirmar se olvida a las 48 horas. Durante 30 días se guarda, con una forma cifrada de la dirección, cuántos correos pidieron una confirmación, para que nadie pueda llenar un buzón ajeno.
terms-deliveries = Cómo fue cada entrega se guarda 7 días; después, solo cantidades.
terms-leaving = Cada correo lleva un enlace para salir pulsando una vez, y otro para elegir qué llega, ver todo lo que se guarda y borrarlo. Entonces solo queda un código del que no se puede recuperar la dirección; impide que otras personas la vuelvan a inscribir.
terms-contact = Preguntas: <mail>{ $contact }</mail>.

## Confirmar, quedarse

confirm = Confirmar
confirm-asked = ¿Recibir esto por correo?
confirm-asked-about = Basta pulsar una vez, y empieza. Si la solicitud la hizo otra persona, basta cerrar esta página; la solicitud se olvida sola.
confirm-yes = Sí, lo quiero recibir
subscribed = La suscripción está hecha
confirmed-about = Esto es lo que llega. Cada correo dice cómo cambiarlo y cómo salir.
confirm-dead-about = Una solicitud se olvida a las 48 horas, o con la baja. Es posible <again>pedirlo de nuevo</again>.
stay = Quedarse
stay-asked = ¿Seguir en las listas?
mail-came-back = Algunos de los correos a esta dirección nos fueron devueltos.
stay-yes = Quiero seguir
stayed = Gracias
stayed-about = La suscripción sigue en pie.
stay-dead-about = Es posible <again>suscribirse de nuevo</again>.

## Correos a una persona

subject-confirm = ¿Se pidió desde aquí? Falta confirmar los correos de { $organization }
subject-subscribed-already = La suscripción ya existe: { $organization }
confirm-preheader = Basta abrir la página y pulsar el botón, o no hacer nada.
please-confirm = Falta confirmar
is-this-you = ¿Se pidió desde aquí?
somebody-asked = Alguien pidió correos de { $organization } para esta dirección, y esperamos que haya sido quien lee esto:
list-with-when = { $list }: { $when }.
confirm-by-page = Para recibirlos, hay que abrir la página antes del { $until } y pulsar el botón que hay ahí:
confirm-by-this-page = Para recibirlos, hay que abrir esta página antes del { $until } y pulsar el botón que hay ahí:
open-to-confirm = Abrir la página para confirmar
was-it-not-you = ¿Lo pidió otra persona? Entonces no hay que hacer nada. No se manda nada más a esta dirección, y la solicitud se olvida a las { $hours } horas.
nothing-has-changed = No ha cambiado nada
subscribed-already = La suscripción ya existe
somebody-asked-again = Alguien, quizá quien lee esto, pidió correos de { $organization } para esta dirección. Ya llegan:
somebody-asked-again-in-text = Alguien, quizá quien lee esto, pidió correos de { $organization } para esta dirección. La suscripción ya existe, así que no ha cambiado nada. Llegan:
see-or-change = Ver o elegir qué llega
to-see-or-change = Para verlo o cambiarlo
why-request = Este correo responde a una solicitud hecha en { $page }.
page-of = la página de { $organization }
subject-welcome = Qué llega de { $organization }, y cuándo
welcome = Bienvenida
what-comes = Esto es lo que llega, y cuándo.
subscribed-and-what-comes = La suscripción está hecha. Esto es lo que llega, y cuándo:
last-issue = El último número de “{ $list }”, del { $day }, llevaba:
came-out-lately = Lo publicado hace poco
why-confirmed = Este correo llega porque desde esta dirección se confirmó que se quieren recibir correos de { $organization }.
subject-probe = ¿Llega este correo? { $organization }
does-this-reach-you = ¿Llega este correo?
probe-about = Algunos de los correos a esta dirección nos fueron devueltos. Si este se puede leer, todo está bien; para seguir, hay que abrir la página y pulsar el botón:
probe-about-in-text = Algunos de los correos a esta dirección nos fueron devueltos. Si este se puede leer, todo está bien; para seguir, hay que abrir esta página y pulsar el botón:
