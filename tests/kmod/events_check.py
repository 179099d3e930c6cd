#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The family LVSD_IPVS of a loaded ip_vs.ko: generation, events, batches, and listings of a table that changes.

To be run as root in a machine of the lab, with no services defined; speaks with tests/kernel/nl.py. Exits with 1 when
anything is not as expected.
"""

import errno, os, socket, struct, subprocess, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../kernel'))
import nl
u16=lambda v: struct.pack('=H',v); u32=lambda v: struct.pack('=I',v); be16=lambda v: struct.pack('!H',v)
def key(port, proto=6): return [(1,u16(2)),(2,u16(proto)),(3,socket.inet_aton('192.0.2.1')),(4,be16(port))]
def svc(port, sched=b'rr', proto=6): return key(port,proto)+[(6,sched+b'\0'),(7,struct.pack('=II',0,0xffffffff)),(8,u32(0)),(9,u32(0xffffffff))]
def srv(a, w=1, fwd=0, u=0, l=0): return [(1,socket.inet_aton(a)),(2,be16(80)),(3,u32(fwd)),(4,struct.pack('=i',w)),(5,u32(u)),(6,u32(l))]
G,E,SVC,SRV,SET,REP,SRVS,DEL,EXP,ERR,STEP,SIX=2,3,4,5,6,7,8,9,10,11,12,13
ev=nl.Generic('LVSD_IPVS'); ip=nl.Generic('IPVS')
body=struct.pack('=BBH',3,1,0)+nl.attributes([(2,b'LVSD_IPVS\0')])
_,r=ev.call(16,0,body); info=dict(nl.parse(r[0][1][4:]))
grp=struct.unpack('=I',dict(nl.parse(nl.parse(info[7])[0][1]))[2])[0]
ear=socket.socket(socket.AF_NETLINK,socket.SOCK_RAW,16); ear.bind((0,0)); ear.setsockopt(270,1,grp); ear.setsockopt(1,33,1<<24); ear.setblocking(False)
def gen(): return struct.unpack('=Q',dict(nl.parse(ev.ask(1)[1][0][1][4:]))[G])[0]
def heard():
    out=[]
    while True:
        try: d=ear.recv(65536)
        except BlockingIOError: return out
        for _,_,_,c in nl.split(d):
            a=dict(nl.parse(c[4:])); out.append((struct.unpack('=Q',a[G])[0],struct.unpack('=I',a[E])[0],SVC in a,SRV in a))
def batch(pairs):
    e,r=ev.ask(2,pairs); a=dict(nl.parse(r[0][1][4:])) if r else {}
    return errno.errorcode.get(e,e), {k:int.from_bytes(v,'little') for k,v in a.items()}
def dests(port):
    out=[]
    for _,c in ip.ask(8,[(1,key(port))],nl.DUMP)[1]:
        d=dict(nl.parse(dict(nl.parse(c[4:]))[2])); out.append((socket.inet_ntoa(d[1][:4]),struct.unpack('=i',d[4])[0]))
    return out
def n(): return len(ip.ask(4,[],nl.DUMP)[1])
bad_checks=0
def check(what,got,want):
    global bad_checks
    bad_checks|=got!=want
    print(('ok   ' if got==want else 'FAIL ')+what, '' if got==want else f'got {got} want {want}', flush=True)
g0=gen()
check('add',ip.ask(1,[(1,svc(80))])[0],0); check('adds',ip.ask(5,[(1,key(80)),(2,srv('10.0.0.1'))])[0],0)
check('generation',gen(),g0+2); check('events',heard(),[(g0+1,1,True,False),(g0+2,4,True,True)])
check('replace',batch([(SRVS,key(80)),(SRV,srv('10.0.0.2')),(SRV,srv('10.0.0.3',7))]),(0,{G:g0+5}))
check('servers',dests(80),[('10.0.0.3',7),('10.0.0.2',1)]); check('events',[x[:2] for x in heard()],[(g0+3,4),(g0+4,4),(g0+5,6)])
check('same again',batch([(SRVS,key(80)),(SRV,srv('10.0.0.2')),(SRV,srv('10.0.0.3',7))]),(0,{G:g0+5})); check('quiet',heard(),[])
many=[]
for p in range(1000,1100):
    many.append((REP,svc(p)))
    for i in range(5): many.append((SRV,srv(f'10.0.1.{i+1}')))
bad=list(many); bad[6*50+3]=(SRV,srv('10.0.1.3',-1))
check('bad weight',batch(bad),('ERANGE',{ERR:34,STEP:50,SIX:2})); check('none',n(),1); check('gen',gen(),g0+5); check('quiet',heard(),[])
check('bad in the middle of changes',batch([(SET,svc(80,b'wlc')),(SRVS,key(81))]),('ESRCH',{ERR:3,STEP:1}))
check('scheduler back',b'rr\0' in ip.ask(4,[(1,key(80))])[1][0][1],True); check('quiet',heard(),[])
check('undo adds and edits',batch([(REP,svc(80,b'wlc')),(SRV,srv('10.0.0.2',9)),(SRV,srv('10.0.0.9')),(SRV,srv('224.0.0.1'))]),('EINVAL',{ERR:22,STEP:0,SIX:2}))
check('servers',dests(80),[('10.0.0.3',7),('10.0.0.2',1)])
check('twice',batch([(SET,svc(90)),(DEL,key(80)),(SET,svc(90))]),('EINVAL',{ERR:22,STEP:2}))
check('server twice',batch([(SRVS,key(80)),(SRV,srv('10.0.0.2')),(SRV,srv('10.0.0.2'))]),('EINVAL',{ERR:22,STEP:0,SIX:1}))
check('server alone',batch([(SRV,srv('10.0.0.2'))]),('EINVAL',{ERR:22,STEP:0,SIX:0}))
check('no scheduler',batch([(DEL,key(80)),(SET,svc(91,b'nosuch'))]),('ENOENT',{ERR:2,STEP:1})); check('still',n(),1)
check('stale',batch([(EXP,struct.pack('=Q',g0)),(DEL,key(80))])[0],'ESTALE')
check('many',batch(many)[0],0); check('n',n(),101); check('five',len(dests(1099)),5); check('heard',len(heard()),600)
check('expect',batch([(EXP,struct.pack('=Q',gen()))]+[(DEL,key(p)) for p in range(1000,1100)])[0],0); check('n',n(),1)
check('service events',[x[1:] for x in heard()][:1],[(3,True,False)])
check('empty batch',batch([])[0],0)
check('rmmod refused',subprocess.run(['rmmod','ip_vs'],capture_output=True).returncode!=0,True)
check('flush',ip.ask(17)[0],0); check('last event',[x[1] for x in heard()],[3])
# A listing while the table changes.
for p in range(1,400): ip.ask(1,[(1,svc(p))])
s=socket.socket(socket.AF_NETLINK,socket.SOCK_RAW,16); s.bind((0,0)); s.settimeout(10)
s.send(nl.message(ip.family,1|0x300,7,struct.pack('=BBH',4,1,0))); seen=[]; done=False; i=0
while not done:
    for t,_,_,c in nl.split(s.recv(8192)):
        if t==3: done=True
        elif t!=2: seen.append(struct.unpack('!H',dict(nl.parse(dict(nl.parse(c[4:]))[1]))[4])[0])
    i+=1
    for p in range(i*7,i*7+5): ip.ask(3,[(1,key(p))])
    ip.ask(1,[(1,svc(5000+i))])
gone={p for k in range(1,i+1) for p in range(k*7,k*7+5)}
check('dump has all that stayed, once',(set(range(1,400))-gone<=set(seen),len(seen)==len(set(seen))),(True,True)); print('reads',i)
ip.ask(17)
sys.exit(bad_checks)
