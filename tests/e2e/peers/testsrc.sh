# Sourced: sets $inputs to the FFmpeg options of the test picture (640x360, 30 fps) and its two tones, 440 and 660 Hz.
square='drawbox=x=290:y=265:w=60:h=60:t=fill'
inputs="-f lavfi -i testsrc2=size=640x360:rate=30,$square:color=black,$square:color=white:enable='lt(mod(n\,30)\,6)'
 -f lavfi -i aevalsrc=(0.1+0.4*lt(mod(t\,1)\,0.2))*sin(2*PI*440*t)|(0.1+0.4*lt(mod(t\,1)\,0.2))*sin(2*PI*660*t):s=48000"
